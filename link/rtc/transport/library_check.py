"""Whether the installed aiortc, aioice and pylibsrtp are the ones this package was written for.

The relay uses some of their private names. A program calls `check` once before it makes its first leg, so that an
upgrade that moves one of them is a clear sentence at start-up and not a silent call.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from importlib.metadata import version
from typing import Any

VERSIONS = {"aiortc": "1.16.0", "aioice": "0.13.0", "pylibsrtp": "1.0.0"}

_SIGNATURES = {
    "aioice.ice.get_host_addresses": ("use_ipv4", "use_ipv6"),
    "aioice.candidate.candidate_foundation": ("candidate_type", "candidate_transport", "base_address"),
    "aioice.candidate.candidate_priority": ("candidate_component", "candidate_type", "local_pref"),
    "aioice.ice.server_reflexive_candidate": ("protocol", "stun_server"),
    "aioice.ice.Connection.gather_candidates": ("self",),
    "aioice.ice.Connection.data_received": ("self", "data", "component"),
    "aioice.ice.Connection.check_incoming": ("self", "message", "addr", "protocol"),
    "aioice.ice.Connection._add_remote_candidate": ("self", "remote_candidate", "network_host"),
    "aioice.ice.Connection.switch_role": ("self", "ice_controlling"),
    "aioice.ice.Connection.build_request": ("self", "pair", "nominate"),
    "aioice.ice.StunProtocol.datagram_received": ("self", "data", "addr"),
    "aioice.ice.StunProtocol.__init__": ("self", "receiver"),
    "aioice.ice.StunProtocol.connection_made": ("self", "transport"),
    "aioice.ice.StunProtocol.send_stun": ("self", "message", "addr"),
    "aioice.ice.CandidatePair.__init__": ("self", "protocol", "remote_candidate"),
    "aioice.stun.Message.add_message_integrity": ("self", "key"),
    "aioice.stun.Message.check_message_integrity": ("self", "key"),
    "aioice.stun.parse_message": ("data",),
    "aioice.stun.Transaction._Transaction__retry": ("self",),
    "aioice.ice.StunProtocol.request": ("self", "request", "addr", "integrity_key", "retransmissions"),
    "aiortc.rtcdtlstransport.RTCDtlsTransport._set_role": ("self", "role"),
    "aiortc.rtcdtlstransport.RTCDtlsTransport.start": ("self", "remoteParameters"),
    "aiortc.rtcdtlstransport.RTCDtlsTransport.stop": ("self",),
    "aiortc.rtcicetransport.RTCIceTransport.start": ("self", "remoteParameters"),
    "aiortc.rtcicetransport.RTCIceTransport.stop": ("self",),
    "aiortc.rtcicetransport.RTCIceTransport.addRemoteCandidate": ("self", "candidate"),
}
_CONNECTION = {
    "_local_candidates": list,
    "_local_candidates_start": bool,
    "_local_candidates_end": bool,
    "_check_list": list,
    "_check_list_done": bool,
    "_nominated": dict,
    "_protocols": list,
    "_remote_candidates": list,
    "_queue": asyncio.Queue,
    "local_username": str,
    "local_password": str,
    "ice_controlling": bool,
}
_PAIR = ("remote_addr", "protocol")
_BINDING = ("srtp_protect", "srtp_protect_rtcp", "srtp_unprotect", "srtp_unprotect_rtcp")


class Incompatible(RuntimeError):
    """A library is not the one this package was written for."""


def check() -> None:
    """Raise `Incompatible`, naming the first thing that is not as it must be. Opens no socket; takes milliseconds."""
    for package, wanted in VERSIONS.items():
        installed = version(package)
        if installed != wanted:
            raise Incompatible(f"{package} {wanted} is needed, {installed} is installed")
    for name, parameters in _SIGNATURES.items():
        found = tuple(inspect.signature(_resolve(name)).parameters)
        if found != parameters:
            raise Incompatible(f"{name} takes {found}, not {parameters}")
    _check_objects()
    _check_srtp()


def _resolve(name: str) -> Any:
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:size]))
        except ImportError:
            continue
        try:
            for part in parts[size:]:
                found = getattr(found, part)
        except AttributeError:
            break
        return found
    raise Incompatible(f"{name} does not exist")


def _check_objects() -> None:
    from aioice import ice, stun
    from aioice.candidate import Candidate
    from aiortc import RTCCertificate, RTCIceGatherer, RTCIceTransport
    from aiortc.rtcdtlstransport import RTCDtlsTransport

    gatherer = RTCIceGatherer(iceServers=[])
    transport = RTCIceTransport(gatherer)
    dtls = RTCDtlsTransport(transport, [RTCCertificate.generateCertificate()])
    connection = gatherer._connection
    for attribute, kind in _CONNECTION.items():
        if not isinstance(getattr(connection, attribute, None), kind):
            raise Incompatible(f"aioice's Connection.{attribute} is not a {kind.__name__}")
    for owner, attributes in (
        (dtls, ("_rx_srtp", "_tx_srtp", "state")),
        (connection, ("_query_consent_task",)),
        (transport, ("_RTCIceTransport__monitor_task",)),
    ):
        if missing := [attribute for attribute in attributes if not hasattr(owner, attribute)]:
            raise Incompatible(f"{type(owner).__name__}.{missing[0]} does not exist")
    if "_network_host" not in vars(Candidate("1", 1, "udp", 1, "127.0.0.1", 1, "host")):
        raise Incompatible("aioice's Candidate._network_host does not exist")
    for attribute in _PAIR:
        if attribute not in dir(ice.CandidatePair) and attribute not in inspect.getsource(ice.CandidatePair.__init__):
            raise Incompatible(f"aioice's CandidatePair.{attribute} does not exist")
    for attribute in ("timeout_delay", "tries"):
        if f"_Transaction__{attribute}" not in stun.Transaction.__init__.__code__.co_names:
            raise Incompatible(f"aioice's Transaction.__{attribute} does not exist")
    if transport._send != connection.send:
        raise Incompatible("aiortc's RTCIceTransport._send is not its connection's")
    if (transport.state, dtls.state, gatherer.state) != ("new", "new", "new"):
        raise Incompatible("aiortc's transports do not begin as new")


def _check_srtp() -> None:
    from pylibsrtp import Policy, Session, _binding

    from link.rtc.transport.srtp import SrtpBuffer, SrtpError

    for name in _BINDING:
        if not hasattr(_binding.lib, name):
            raise Incompatible(f"pylibsrtp's binding has no {name}")
    key = bytes(range(30))
    if not hasattr(Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND)), "_srtp"):
        raise Incompatible("pylibsrtp's Session._srtp does not exist")
    sender = SrtpBuffer(Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND)))
    receiver = SrtpBuffer(Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND)))
    head, payload = bytes((0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1)), b"payload"
    try:
        length = receiver.unprotect(sender.protect(head, payload))
    except SrtpError as error:
        raise Incompatible("pylibsrtp does not undo what it did") from error
    if bytes(receiver.data[:length]) != head + payload:
        raise Incompatible("pylibsrtp changes packets")
