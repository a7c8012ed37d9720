"""Judges histories (JSON lines) for linearizability: written apart from the C# checker, from the rules alone.

Wing and Gong's search over (which calls are placed, what the keys hold), depth first, for each set of keys that are
touched together. The state holds of each key the value and its version as text; the version of a write that was never
answered is open until somebody is told it. A transaction is one call: its comparisons, and the steps of a branch.
"""
import json
import sys

UNTOLD = object()
WRITES = ("put", "delete", "increment")


def branches(call):
    return call.get("ops", []) + call.get("else", [])


def names(call):
    return {step["key"] for step in branches(call) + call.get("if", [])} if call["op"] == "txn" else {call["key"]}


def can_write(call):
    return any(step["op"] in WRITES for step in (branches(call) if call["op"] == "txn" else [call]))


def relevant(call):
    if call["op"] == "get_eventual" or call["result"] == "rejected":
        return False
    return can_write(call) or call["result"] != "unknown"


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
    if call["op"] == "increment":
        total = str(int(value or "0") + call["by"])
        if call["result"] == "unknown":
            return [(total, UNTOLD)]
        return [(total, told or UNTOLD)] if total == call["value"] else []
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


def done(call):
    """The branch of a call that was carried out, with its answers."""
    if call["op"] != "txn":
        return [call]
    return [] if call["result"] == "fail" else call.get("ops" if call["succeeded"] else "else", [])


def compared(compare, state, taken):
    """The state if the comparison holds, or None; and whether it may be one that does not hold."""
    if compare.get("value") is not None and compare["value"] != state[0]:
        return None, True
    met = holds(compare, state)
    if met is None:
        return (None if compare["if_match"] in taken else (state[0], compare["if_match"])), True
    return (state if met else None), not met


def transacted(call, states, unique, taken):
    """The states in which a transaction may leave the keys."""
    held, may_fail = states, False
    for compare in call.get("if", []):
        key = compare["key"]
        after, may_miss = compared(compare, states[key], taken[key])
        may_fail |= may_miss
        held = None if held is None or after is None else {**held, key: after}
    unknown = call["result"] == "unknown"
    found = []
    if held is not None and (unknown or call.get("succeeded")):
        found.append((held, call.get("ops", [])))
    if may_fail and (unknown or not call.get("succeeded")):
        found.append((states, [] if call["result"] == "fail" else call.get("else", [])))
    for after, steps in found:
        for step in steps:
            if unknown and step["op"] not in WRITES:
                continue
            told = outcomes({**step, "result": call["result"]}, after[step["key"]], unique, taken[step["key"]])
            after = {**after, step["key"]: told[0]} if told else None
            if after is None:
                break
        if after is not None:
            yield after


def left_by(call, states, unique, taken):
    if call["op"] == "txn":
        return list(transacted(call, states, unique, taken))
    key = call["key"]
    return [{**states, key: after} for after in outcomes(call, states[key], unique, taken[key])]


def linearizable(calls, unique):
    calls = sorted(calls, key=lambda c: c["call_ns"])
    keys = sorted({key for call in calls for key in names(call)})
    taken = {key: set() for key in keys}
    for call in calls if unique else []:
        for step in done(call) if call["result"] == "ok" else []:
            if step["op"] in ("put", "increment") and step.get("etag"):
                if step["etag"] in taken[step["key"]]:
                    return False
                taken[step["key"]].add(step["etag"])
    ends = [float("inf") if c["result"] == "unknown" else c["return_ns"] for c in calls]
    needed = sum(1 << i for i, c in enumerate(calls) if c["result"] != "unknown")
    seen, stack = set(), [(0, {key: (None, None) for key in keys})]
    while stack:
        placed, state = stack.pop()
        if placed & needed == needed:
            return True
        point = (placed, *(state[key] for key in keys))
        if point in seen:
            continue
        seen.add(point)
        open_calls = [i for i in range(len(calls)) if not placed >> i & 1]
        first_end = min(ends[i] for i in open_calls)
        ready = [i for i in open_calls if calls[i]["call_ns"] <= first_end]
        steps = [(i, after) for i in ready for after in left_by(calls[i], state, unique, taken)]
        # What changes nothing and was answered may be placed at once: it stands in nobody's way.
        idle = [s for s in steps if s[1] == state and ends[s[0]] != float("inf") and changes_nothing(calls[s[0]])]
        # Last in is first out: answered calls in the order of their ends before guesses about unanswered ones.
        for i, after in idle[:1] or sorted(steps, key=lambda s: -ends[s[0]]):
            stack.append((placed | 1 << i, after))
    return False


def changes_nothing(call):
    return call["result"] == "fail" or all(step["op"] == "get" for step in done(call))


def judge(path, unique):
    """Calls that touch a key together are judged together."""
    parts = []
    with open(path, encoding="utf-8") as lines:
        calls = [json.loads(line) for line in lines if line.strip()]
    by_key = {}
    for call in filter(relevant, calls):
        part = {"keys": set(names(call)), "calls": [call]}
        for other in {id(by_key[key]): by_key[key] for key in part["keys"] if key in by_key}.values():
            part["keys"] |= other["keys"]
            part["calls"] = other["calls"] + part["calls"]
            other["calls"] = None
        parts.append(part)
        by_key.update(dict.fromkeys(part["keys"], part))
    return all(linearizable(part["calls"], unique) for part in parts if part["calls"] is not None)


def main(arguments):
    unique = "--values-are-versions" not in arguments
    verdicts = []
    for path in (a for a in arguments if not a.startswith("--")):
        verdicts.append(judge(path, unique))
        print(f"{path},{'legal' if verdicts[-1] else 'illegal'}", flush=True)
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
