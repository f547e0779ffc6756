"""The report that `liveguard evaluate` leaves for people."""
