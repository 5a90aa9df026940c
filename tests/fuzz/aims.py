"""What each fuzz target aims at: patterns of source files whose lines it must reach, together at least 80 %."""

AIMS = {
}
