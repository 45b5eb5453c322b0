# tests that read the tree: layers, banned calls, coverage map
