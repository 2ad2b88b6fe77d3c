"""`python -m bench [part …]`: language, chain, latency, dbt; without a part, all of them."""

from __future__ import annotations

import shutil
import statistics
import sys

from bench import chain, dbt, language, latency, machine, stack

PARTS = ("language", "chain", "latency", "dbt")


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def main(parts: list[str]) -> int:
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]}; there are {', '.join(PARTS)}")
        return 2
    print(f"machine: Python loop {machine.loop():.3f} s, fsync {machine.fsync() * 1000:.2f} ms")
    with stack.running(KESTRA_WEB_DOCKER_FALLBACK="process") as (client, home):
        for part in parts or PARTS:
            if part == "language":
                language.measure(lambda figure: print(figure, flush=True))
            elif part == "chain":
                times = chain.measure(client)
                told = f"median {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"
                print(f"chain of 100 Log tasks, POST to terminal: {told}; goal 3 s")
            elif part == "latency":
                chromium = shutil.which("chromium") or shutil.which("google-chrome")
                if chromium is None:
                    print("latency: left out, no Chromium on this machine")
                    continue
                lines = latency.measure(client, chromium)
                print(f"line on stdout to open page: median {statistics.median(lines):.0f} ms, p95 {p95(lines):.0f} ms; goal p95 300 ms")
            else:
                pairs = dbt.measure(client, home)
                ratios = [flow / shell for flow, shell in pairs]
                told = ", ".join(f"{flow:.2f}/{shell:.2f}" for flow, shell in pairs)
                print(f"dbt build, flow over shell: median ratio {statistics.median(ratios):.3f} ({told} s); goal 1.15")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
