"""The student as a plain mmaction2 recognizer, without kdtoolbox."""
