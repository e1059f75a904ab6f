"""PyAV and OpenCV are loaded by whichever thread needs them first, and by one at a time.

PyAV's modules need each other: two threads that load them at once get halves of them and crash the process.
"""

import threading

LOADING = threading.RLock()
