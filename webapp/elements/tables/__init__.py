"""Tables of messages: a page of one, in the order that people choose, and all of it as CSV."""
