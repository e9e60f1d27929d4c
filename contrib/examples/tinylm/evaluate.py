#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train train.py's model on licence texts and measure it on one it has not seen.

Prints `val_bpb: X`, bits per byte of the held-out text; lower is better. Exit status 1 with one
sentence on standard error when the model fails or its probabilities are none.

The model runs in a process of its own and answers over a pipe: it gets the training text, then
has to name the probabilities of all symbols for the next position before it is told which one it
was. This process alone knows the held-out text, checks that the probabilities are a distribution,
and does the arithmetic. A model can still open the file below /usr like anybody; autoexp's two
stages (run: and eval:) are for cases where that matters.
"""
import array
import math
import os
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = "/usr/share/common-licenses"
TRAIN_ON = ["Artistic", "BSD", "CC0-1.0", "MPL-1.1", "GFDL-1.2", "LGPL-2.1", "LGPL-3",
            "GPL-2", "GPL-3", "Apache-2.0"]
HELD_OUT = "MPL-2.0"
HELD_OUT_BYTES = 12000
TRAIN_SECONDS = 3.0         # the budget; a model that trains longer by half of it fails
EVALUATE_SECONDS = 20.0     # for all predictions together


def fail(sentence):
    sys.stdout.flush()
    print("evaluate.py: " + sentence, file=sys.stderr)
    sys.exit(1)


def read_text(name):
    try:
        with open(os.path.join(TEXTS, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        fail(f"{TEXTS}/{name} is missing; on Debian and Ubuntu the package base-files brings it")


# ---- the model's side of the pipe --------------------------------------------------------------

def serve():
    """Read the training text, then answer each symbol with the probabilities of the next one."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)           # what the model prints is no answer and no metric
    sys.dont_write_bytecode = True
    sys.path.insert(0, HERE)
    import train

    symbols, length, seconds = struct.unpack("=IId", requests.read(16))
    text = array.array("B", requests.read(length))
    model = train.Model(symbols)
    model.learn(text, seconds)
    while True:
        p = array.array("d", model.predict())
        if len(p) != symbols:
            raise ValueError(f"predict() returned {len(p)} numbers for {symbols} symbols")
        p.tofile(answers)
        answers.flush()
        symbol = requests.read(1)
        if not symbol:
            return
        model.observe(symbol[0])


# ---- this side ---------------------------------------------------------------------------------

class Served:
    """The model process, as this side sees it. One that never answers meets the wall limit."""

    def __init__(self, symbols):
        self.symbols = symbols
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            self.ended()

    def answer(self):
        data = self.process.stdout.read(8 * self.symbols)
        if len(data) != 8 * self.symbols:
            self.ended()
        return array.array("d", data)

    def ended(self):
        fail(f"the model's process ended early with status {self.process.wait()}; "
             "its own message is above")

    def close(self):
        self.process.kill()
        self.process.wait()


def bits_of(p, symbol):
    """Cost of one symbol under a prediction, which has to be a distribution."""
    total = math.fsum(p)
    if not abs(total - 1.0) <= 1e-9:
        fail(f"the probabilities sum to {total!r}, not to 1")
    if min(p) < 0.0:
        fail(f"a probability is negative: {min(p)!r}")
    if p[symbol] <= 0.0:
        fail("the model calls a symbol impossible that came: the cost would be infinite")
    return -math.log2(p[symbol])


def measure(train_text, held_out, symbols):
    model = Served(symbols)
    try:
        start = time.monotonic()
        model.send(struct.pack("=IId", symbols, len(train_text), TRAIN_SECONDS) + train_text)
        p = model.answer()
        trained = time.monotonic() - start
        if trained > 1.5 * TRAIN_SECONDS:
            fail(f"training took {trained:.1f} s, the budget is {TRAIN_SECONDS:g} s")
        start, bits = time.monotonic(), 0.0
        for symbol in held_out:
            bits += bits_of(p, symbol)
            model.send(bytes([symbol]))
            p = model.answer()
            if time.monotonic() - start > EVALUATE_SECONDS:
                fail(f"predicting takes over {EVALUATE_SECONDS:g} s")
        return bits / len(held_out), trained, time.monotonic() - start
    finally:
        model.close()


def main():
    train_text = b"".join(read_text(name) for name in TRAIN_ON)
    held_out = read_text(HELD_OUT)[:HELD_OUT_BYTES]
    alphabet = bytes(sorted(set(train_text) | set(held_out)))
    numbers = {byte: number for number, byte in enumerate(alphabet)}
    bpb, trained, predicted = measure(bytes(numbers[b] for b in train_text),
                                      bytes(numbers[b] for b in held_out), len(alphabet))
    print(f"{len(train_text)} bytes of training text in {trained:.1f} s, "
          f"{len(held_out)} predicted in {predicted:.1f} s", flush=True)
    print(f"val_bpb: {bpb:.5f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        main()
