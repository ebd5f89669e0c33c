"""Reads JSON for the benchmark. Each line on stdin is a request, each line on
stdout its answer; time is taken here, around the reading alone."""
import gc
import json
import sys
import time

documents = {}
for request in sys.stdin:
    r = json.loads(request)
    answer = {}
    if r["do"] == "load":
        with open(r["path"], "rb") as f:
            data = f.read()
        cut, at = [], 0
        for size in r["sizes"]:
            cut.append(data[at:at + size])
            at += size
        documents[r["name"]] = cut
    elif r["do"] == "read":
        refused, dumps = 0, r["how"] == "dumps"
        gc.collect()
        start = time.perf_counter()
        for _ in range(r["times"]):
            refused = 0
            for doc in documents[r["name"]]:
                try:
                    value = json.loads(doc)
                    if dumps:
                        json.dumps(value)
                except (ValueError, RecursionError):
                    refused += 1
        answer = {"seconds": time.perf_counter() - start, "refused": refused}
    elif r["do"] == "accept":
        try:
            json.loads(bytes.fromhex(r["doc"]))
            answer = {"taken": True}
        except (ValueError, RecursionError):
            answer = {"taken": False}
    elif r["do"] == "version":
        answer = {"version": ".".join(map(str, sys.version_info[:3]))}
    print(json.dumps(answer), flush=True)
