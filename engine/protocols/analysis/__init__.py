"""Analysis in JSON lines: our own protocol and KataGo's, over one queue of positions."""
