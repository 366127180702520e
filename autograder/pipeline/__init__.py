"""What decides the marks: from a submission to a result, step by step.

::

    submission ─ rebuild ─┐
                          ├─ candidate (untrusted)       cells, then requests
    release ──────────────┘      │  servant              answers them by value
                                 │  wire                 JSON and bytes, no pickle back
                                 ▼  proxies              stand for what stays there
                              examiner (trusted)         compares
                                 │
                                 ▼
                              marking, hints ─ result

The candidate is the student's process. The examiner is another one, in which the
checks run; it sees the student's objects through proxies and compares nothing but
plain data that it decoded itself.
"""
