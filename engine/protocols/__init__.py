"""What other programs speak with a player: GTP, UCI and KataGo's analysis."""
