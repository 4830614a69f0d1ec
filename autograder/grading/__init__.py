"""Everything that sees answers. Instructors only: neither the wheel nor the students' bundle holds this folder."""
