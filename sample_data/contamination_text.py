"""Text written for the sample *contamination*: HumanEval's tasks in other words, and tasks that only look like them."""

# The number of a task, the task in other words, and a solution of our own.
PARAPHRASED = [
    (
        2,
        "Return the fractional part of a positive float, that is, what is left when the integer part is "
        "taken away. For 3.5 it is 0.5.",
        "def fraction(value):\n    return value - int(value)\n",
    ),
    (
        5,
        "Put a delimiter between all neighbouring elements of a list of numbers. With 4 as the delimiter, 1, "
        "2, 3 becomes 1, 4, 2, 4, 3.",
        "def weave(items, gap):\n    woven = [gap] * max(0, 2 * len(items) - 1)\n    woven[::2] = items\n    "
        "return woven\n",
    ),
    (
        7,
        "From a list of words keep only the ones that contain a certain substring.",
        "def holding(words, piece):\n    return list(filter(lambda word: word.find(piece) >= 0, words))\n",
    ),
    (
        8,
        "Compute both the sum and the product of a list of integers and return the two as a pair. An empty "
        "list gives 0 and 1.",
        "import math\n\ndef totals(values):\n    return sum(values), math.prod(values)\n",
    ),
    (
        11,
        "Two binary strings of 0s and 1s are given. Return the string of their bitwise exclusive or (XOR).",
        "def either(one, two):\n    return ''.join('01'[p != q] for p, q in zip(one, two))\n",
    ),
    (
        13,
        "Compute the greatest common divisor (gcd) of two integers.",
        "def shared_factor(m, n):\n    return m if n == 0 else shared_factor(n, m % n)\n",
    ),
    (
        14,
        "Make a list of every prefix of a word, beginning with the first letter and ending with the whole word.",
        "def beginnings(word):\n    return [word[:end] for end in range(1, len(word) + 1)]\n",
    ),
    (
        15,
        "Write all integers from zero up to and including n into one string, separated by spaces.",
        "def counting(limit):\n    return ' '.join(map(str, range(limit + 1)))\n",
    ),
    (
        16,
        "Count the different letters in a string; upper and lower case count as the same letter.",
        "def variety(text):\n    seen = set()\n    for letter in text:\n        "
        "seen.add(letter.casefold())\n    return len(seen)\n",
    ),
    (
        18,
        "Count how often a substring occurs in a string, where occurrences may overlap. 'aa' occurs three "
        "times in 'aaaa'.",
        "def occurrences(text, pattern):\n    return sum(text.startswith(pattern, at) for at in range(len(text)))\n",
    ),
    (
        21,
        "Rescale a list of floats linearly to the unit interval: the minimum is mapped to 0, the maximum to 1.",
        "def squeezed(values):\n    low, high = min(values), max(values)\n    return [(v - low) / (high - "
        "low) for v in values]\n",
    ),
    (
        22,
        "A list holds values of any Python type. Return the integers among them.",
        "def whole(objects):\n    return [one for one in objects if type(one) is int]\n",
    ),
    (
        24,
        "Find the largest proper divisor of a number. For 15 that is 5.",
        "def top_factor(value):\n    return next(d for d in range(value - 1, 0, -1) if value % d == 0)\n",
    ),
    (
        26,
        "Delete every element of a list that appears more than once, and keep the remaining ones in their order.",
        "def singles(entries):\n    return [one for one in entries if entries.count(one) == 1]\n",
    ),
    (
        27,
        "Swap the case of a string: lowercase letters become uppercase and the other way round.",
        "def inverted(text):\n    return ''.join(c.lower() if c.isupper() else c.upper() for c in text)\n",
    ),
    (
        29,
        "Return the strings of a list that begin with a certain prefix.",
        "def beginning_with(words, start):\n    return [word for word in words if word[:len(start)] == start]\n",
    ),
    (
        31,
        "Test whether an integer is a prime number.",
        "def indivisible(value):\n    return value > 1 and all(value % d for d in range(2, int(value**0.5) + 1))\n",
    ),
    (
        34,
        "Return the distinct elements of a list in sorted order.",
        "def ordered_kinds(entries):\n    return sorted(set(entries))\n",
    ),
    (
        35,
        "Find the largest element of a list.",
        "def biggest(entries):\n    return sorted(entries)[-1]\n",
    ),
    (
        42,
        "Add one to each element of a list.",
        "def raised(entries):\n    return list(map(lambda one: one + 1, entries))\n",
    ),
    (
        44,
        "Convert a number to another numerical base below 10 and return its digits as a string. 8 in base 3 is '22'.",
        "def numeral(value, digits):\n    head, tail = divmod(value, digits)\n"
        "    return (numeral(head, digits) if head else '') + str(tail)\n",
    ),
    (
        47,
        "Compute the median of a list of numbers. Where their count is even, it is the mean of the two in the middle.",
        "import statistics\n\ndef middle(values):\n    return statistics.median(values)\n",
    ),
    (
        48,
        "Test whether a text is a palindrome, i.e. reads the same backwards.",
        "def mirrored(word):\n    return word == word[::-1]\n",
    ),
    (
        51,
        "Remove all vowels from a string, capital ones too.",
        "def consonants(text):\n    return ''.join(c for c in text if c not in 'aeiouAEIOU')\n",
    ),
    (
        52,
        "Test whether every number of a list is below a threshold.",
        "def under(entries, limit):\n    return max(entries) < limit\n",
    ),
    (
        57,
        "Test whether a list is monotonic: its elements never decrease, or never increase.",
        "def one_way(values):\n    steps = list(zip(values, values[1:]))\n"
        "    return all(a <= b for a, b in steps) or all(a >= b for a, b in steps)\n",
    ),
    (
        58,
        "Return the elements that two lists have in common, sorted and without repeats.",
        "def overlap(one, two):\n    return sorted(set(one) & set(two))\n",
    ),
    (
        62,
        "The coefficients of a polynomial are given as a list, the constant one first. Return the "
        "coefficients of its derivative.",
        "def differentiated(factors):\n    return [power * factors[power] for power in range(1, len(factors))]\n",
    ),
    (
        97,
        "Multiply the unit digits of two integers. For 148 and 412 the result is 16.",
        "def last_digits(m, n):\n    return int(str(m)[-1]) * int(str(n)[-1])\n",
    ),
    (
        157,
        "Given the lengths of three sides, test whether they make a right-angled triangle.",
        "def square_corner(*lengths):\n    short, middle, long = sorted(lengths)\n    return short**2 + "
        "middle**2 == long**2\n",
    ),
]

# Tasks of our own that use HumanEval's turns of phrase and its beginnings of files: common text, no task of it.
TYPING = "from typing import List\n\n\n"
TURNS = (
    ("Given a list of integers, return {what}.", "lst", "You can assume the input is always valid."),
    ("Write a function that takes a list of integers and returns {what}.", "numbers", "Examples are left out."),
    ("You are given a list of integers. Return {what}.", "arr", "If the list is empty, return None."),
    ("For a given list of numbers, return {what}. For example, see below.", "nums", "Keep the order of the input."),
)
LOOKALIKE = [
    ("third_largest", "the third largest of them", "return sorted({x})[-3]"),
    ("mean_of_squares", "the mean of their squares", "return sum(e * e for e in {x}) / len({x})"),
    ("count_negatives", "how many of them are negative", "return sum(e < 0 for e in {x})"),
    ("multiples_of_seven", "those that are divisible by seven", "return [e for e in {x} if e % 7 == 0]"),
    ("every_other", "every second element, starting with the first", "return {x}[::2]"),
    ("halves", "half of each element", "return [e / 2 for e in {x}]"),
    ("span", "the difference between the largest and the smallest", "return max({x}) - min({x})"),
    (
        "longest_run",
        "the length of the longest run of equal elements",
        "best = run = 1\n    for a, b in zip({x}, {x}[1:]):\n        run = run + 1 if a == b else 1\n"
        "        best = max(best, run)\n    return best",
    ),
    ("rotate_left", "the list moved one place to the left", "return {x}[1:] + {x}[:1]"),
    ("square_numbers", "those that are square numbers", "return [e for e in {x} if round(e**0.5) ** 2 == e]"),
    ("gaps", "the gaps between neighbours", "return [b - a for a, b in zip({x}, {x}[1:])]"),
    (
        "first_repeat",
        "the first element that was there before",
        "seen = set()\n    for e in {x}:\n        if e in seen:\n            return e\n        seen.add(e)",
    ),
]
