"""Programs in turn, round by round, so that a slow moment of the machine hits all of them."""
import sys

import measure


def note_missing(job, programs):
    for p in programs:
        if p.missing():
            job.remarks[p.name] = "missing: " + p.missing()


def take_turns(job, programs, count, one):
    """count rounds; one(job, program, number) measures. What fails is in job.remarks, and out of the rounds that follow."""
    for number in range(1, count + 1):
        for program in programs:
            if job.remarks.get(program.name, "").startswith(("failed", "missing")):
                continue
            program.clean()
            print("round %d/%d: %s:" % (number, count, program.name), file=sys.stderr, end=" ", flush=True)
            try:
                one(job, program, number)
            except measure.Failed as e:
                job.remarks[program.name] = "failed: %s" % e
                print(e, file=sys.stderr)
            finally:
                program.clean()
