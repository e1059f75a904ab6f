import json
from pathlib import Path
def write(found, out):
    out.mkdir(parents=True, exist_ok=True)
    p = out / "performance.json"; p.write_text(json.dumps(found, indent=1)); return [p]
