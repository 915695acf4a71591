"""Any game on GoGui's board: where its cells and moves lie on points, and the commands that show them."""
