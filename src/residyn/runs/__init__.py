"""A run directory: what stands where in it (`layout`), how it is read, and which of its stages are done
(`stages`).
"""
