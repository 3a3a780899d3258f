"""What is asked of the lower rooms: sessions of runs, certification, gate, equivalence."""
