"""The memory that workers share: where each of its words of 64 bits lies, counted in words.

What is waited for has a cache line of its own: a word that shared one with another would slow both down.
"""

LINE = 8
"""Words in a cache line."""
ARRIVED = 0
"""How many workers are at the barrier."""
ROUND = LINE
"""How often the barrier was passed."""
POSTED = 2 * LINE
"""How many jobs there have been."""
JOB, TOGETHER, TABLE, SIZES = (3 * LINE + i for i in range(4))
"""The last job: the address of the function, how many workers run it, what it is given."""
ASLEEP = 4 * LINE
"""How many workers were parked when the last job was posted."""
AWAKE, SEEN = 5 * LINE, 5 * LINE + 1
"""Of worker 0, a line for each: whether it looks out for jobs, and the last one that it saw."""
