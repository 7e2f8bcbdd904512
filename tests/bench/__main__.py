"""`./dev bench [parts]`: what the parts of a call cost. `./dev bench relay`: whole calls, against other servers.

`./dev bench kiosks`: how soon all kiosks are back after the server was killed.
`./dev bench kills`: what a server loses that is killed in the middle of calls, and whether anything breaks.
`./dev bench cobrowse`: how soon a change of the customer's page shows in the console.
`./dev bench library`: how long searches of a very large library take.
`./dev bench replay`: how soon the player shows a long recording, and how well in step.
`./dev bench falsify`: whether `visavis verify` finds whatever is done to what was kept.
"""

from __future__ import annotations

import sys

from tests.bench import cobrowse, falsify, kills, kiosks, library, parts, relay, replay

COMMANDS = {
    "cobrowse": cobrowse.main,
    "falsify": falsify.main,
    "kills": kills.main,
    "kiosks": kiosks.main,
    "library": library.main,
    "parts": parts.main,
    "relay": relay.main,
    "replay": replay.main,
}


def main() -> int:
    """Run the bench that the first argument names, `parts` if it names none."""
    arguments = sys.argv[1:]
    name = arguments.pop(0) if arguments and arguments[0] in COMMANDS else "parts"
    return COMMANDS[name](arguments)


if __name__ == "__main__":
    sys.exit(main())
