"""Where the time of a step goes: by step of the schedule, and by equation."""
