"""A person, a printed photo and a hand before a webcam, drawn in three dimensions: what tests and benches film."""
