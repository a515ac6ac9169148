"""The student on its own: for mmaction2 without kdtoolbox."""
