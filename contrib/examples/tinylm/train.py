# SPDX-License-Identifier: Apache-2.0
"""A small language model over bytes, in the Python standard library alone. The file to edit.

Counts of what followed each context of 0 to ORDER symbols, blended from short to long: every
context decides with a learned gate how much it trusts its own counts and how much the shorter
one. Gates are shared by order and by how often the context was seen. Counts and gates are
learned in one pass over the text, predicting each symbol before learning it, and go on being
learned while the model is evaluated.

evaluate.py calls Model(symbols), learn(text, seconds), and then for each symbol of a text never
seen before predict() and observe(symbol). Symbols are the numbers 0 to symbols - 1.
"""
import math
import time

ORDER = 2                # longest context
LEARNING_RATE = 0.002    # of the gates
GATE_START = 0.5         # logit of the trust in a context's own counts
DISCOUNT = 0.1           # taken from each count for what was not seen yet
COUNT_LIMIT = 15         # counts are halved when one gets here: recent text weighs more
CACHE_SHARE = 0.01       # weight of what was said among the last CACHE_SIZE symbols
CACHE_SIZE = 50

BUCKETS = 12             # classes of how often a context was seen, each with its own gate


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def bucket_of(total):
    return min(int(total).bit_length(), BUCKETS - 1)


class Model:
    def __init__(self, symbols):
        self.symbols = symbols
        self.order = max(0, int(ORDER))
        self.tables = [{} for _ in range(self.order + 1)]   # context -> [total, {symbol: n}]
        self.gates = [[GATE_START] * BUCKETS for _ in range(self.order + 1)]
        self.history = ()
        self.cache = []
        self.cache_counts = [0] * symbols

    def learn(self, text, seconds):
        """One pass over the text, or as much of it as the time allows."""
        end = time.monotonic() + seconds
        for position, symbol in enumerate(text):
            if position % 256 == 0 and time.monotonic() > end:
                break
            self.observe(symbol)

    def contexts(self):
        """(order, entry) for the contexts of the present position, shortest first."""
        history, known = self.history, []
        for order in range(min(self.order, len(history)) + 1):
            entry = self.tables[order].get(history[len(history) - order:])
            if entry is None:
                break
            known.append((order, entry))
        return known

    def predict(self):
        """The probability of each symbol at the present position."""
        share = min(max(CACHE_SHARE, 0.0), 0.9) if self.cache else 0.0
        p = [1.0 / self.symbols] * self.symbols
        for order, (total, counts) in self.contexts():
            discount = min(max(DISCOUNT, 0.0), 0.99)
            gate = sigmoid(self.gates[order][bucket_of(total)])
            spare = 1.0 - gate * (total - discount * len(counts)) / total
            p = [spare * q for q in p]
            for symbol, n in counts.items():
                p[symbol] += gate * (n - discount) / total
        if share:
            each = share / len(self.cache)
            p = [(1.0 - share) * q + each * n for q, n in zip(p, self.cache_counts)]
        return p

    def observe(self, symbol):
        """Learn what came at the present position, and move on."""
        discount = min(max(DISCOUNT, 0.0), 0.99)
        p, chain = 1.0 / self.symbols, []
        for order, (total, counts) in self.contexts():
            gates, bucket = self.gates[order], bucket_of(total)
            gate = sigmoid(gates[bucket])
            n = counts.get(symbol, 0)
            own = (n - discount) / total if n else 0.0
            spare = discount * len(counts) / total
            here = own + spare * p
            chain.append((gates, bucket, gate, here - p, 1.0 - gate + gate * spare))
            p += gate * (here - p)
        pull = LEARNING_RATE / max(p, 1e-9)
        for gates, bucket, gate, gain, passed in reversed(chain):
            gates[bucket] += pull * gate * (1.0 - gate) * gain
            pull *= passed
        self.count(symbol)

    def count(self, symbol):
        history = self.history
        for order in range(min(self.order, len(history)) + 1):
            context = history[len(history) - order:]
            entry = self.tables[order].get(context)
            if entry is None:
                entry = self.tables[order][context] = [0, {}]
            counts = entry[1]
            counts[symbol] = counts.get(symbol, 0) + 1
            entry[0] += 1
            if counts[symbol] > max(2, COUNT_LIMIT):
                for s in counts:
                    counts[s] = (counts[s] + 1) // 2
                entry[0] = sum(counts.values())
        self.history = (history + (symbol,))[-self.order:] if self.order else ()
        self.cache.append(symbol)
        self.cache_counts[symbol] += 1
        while len(self.cache) > max(1, int(CACHE_SIZE)):
            self.cache_counts[self.cache.pop(0)] -= 1
