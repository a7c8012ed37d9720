"""Judges histories (JSON lines) for linearizability, per key: written apart from the C# checker, from the rules alone.

Wing and Gong's search over (which calls are placed, what the key holds), depth first. The state holds the value and
its version as text; the version of a write that was never answered is open until somebody is told it.
"""
import json
import sys

UNTOLD = object()


def relevant(call):
    if call["op"] == "get_eventual" or call["result"] == "rejected":
        return False
    return not (call["op"] == "get" and call["result"] == "unknown")


def holds(call, state):
    """Whether the condition holds in the state: True, False, or None while the version is open."""
    value, etag = state
    if call.get("if_none") is not None:
        return value is None
    wanted = call.get("if_match")
    if wanted is None:
        return True
    if value is None:
        return False
    if wanted == "*":
        return True
    return None if etag is UNTOLD else etag == wanted


def outcomes(call, state, unique, taken):
    """The states in which the call may leave the key, given the answer that the client had."""
    value, etag = state
    told = call.get("etag")
    if call["op"] == "get":
        if call.get("value") != value:
            return []
        if value is None or told is None or told == etag:
            return [state]
        return [(value, told)] if etag is UNTOLD and told not in taken else []
    met = holds(call, state)
    written = None if call["op"] == "delete" else call["value"]
    if call["result"] == "fail":
        if met is True:
            return []
        if not unique or told is None:
            return [state]
        if value is None:
            return []
        if etag is UNTOLD:
            return [(value, told)] if told not in taken and told != call.get("if_match") else []
        return [state] if etag == told else []
    if met is False or (met is None and call["if_match"] in taken):
        return []
    if call["result"] == "ok":
        found = call.get("found")
        if found is not None and found != (value is not None):
            return []
        return [(written, None if written is None else (told or UNTOLD))]
    return [(written, None if written is None else UNTOLD)]


def linearizable(calls, unique):
    calls = sorted((c for c in calls if relevant(c)), key=lambda c: c["call_ns"])
    writes = [c for c in calls if c["op"] == "put" and c["result"] == "ok" and c.get("etag")]
    taken = {c["etag"] for c in writes} if unique else set()
    if unique and len(taken) < len(writes):
        return False
    ends = [float("inf") if c["result"] == "unknown" else c["return_ns"] for c in calls]
    needed = sum(1 << i for i, c in enumerate(calls) if c["result"] != "unknown")
    seen, stack = set(), [(0, (None, None))]
    while stack:
        placed, state = stack.pop()
        if placed & needed == needed:
            return True
        if (placed, state) in seen:
            continue
        seen.add((placed, state))
        open_calls = [i for i in range(len(calls)) if not placed >> i & 1]
        first_end = min(ends[i] for i in open_calls)
        ready = [i for i in open_calls if calls[i]["call_ns"] <= first_end]
        steps = [(i, after) for i in ready for after in outcomes(calls[i], state, unique, taken)]
        # What changes nothing and was answered may be placed at once: it stands in nobody's way.
        idle = [s for s in steps if s[1] == state and ends[s[0]] != float("inf") and changes_nothing(calls[s[0]])]
        # Last in is first out: answered calls in the order of their ends before guesses about unanswered ones.
        for i, after in idle[:1] or sorted(steps, key=lambda s: -ends[s[0]]):
            stack.append((placed | 1 << i, after))
    return False


def changes_nothing(call):
    return call["op"] == "get" or call["result"] == "fail"


def judge(path, unique):
    keys = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                call = json.loads(line)
                keys.setdefault(call["key"], []).append(call)
    return all(linearizable(calls, unique) for calls in keys.values())


def main(arguments):
    unique = "--values-are-versions" not in arguments
    verdicts = []
    for path in (a for a in arguments if not a.startswith("--")):
        verdicts.append(judge(path, unique))
        print(f"{path},{'legal' if verdicts[-1] else 'illegal'}", flush=True)
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
