"""The Go Text Protocol (GTP 2, Farneback 2002) for every game, with the extensions that clients use."""
