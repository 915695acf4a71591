"""KataGo's and Leela Zero's commands about rules, settings and the network."""
