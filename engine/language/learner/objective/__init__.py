"""What examples of one kind teach: their tokens in a padded batch, and one of the losses."""
