"""Servers of other makes and of textbooks, each as small as its kind can be, to measure Fairwatch beside them."""
