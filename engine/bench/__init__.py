"""Speed of every stage of the path of the data, beside what it could be at best."""
