from __future__ import annotations

import importlib.util
import ssl
from pathlib import Path
from types import ModuleType

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509


@pytest.fixture(scope="module")
def make() -> ModuleType:
    path = Path(__file__).parent.parent.parent / "certs" / "make.py"
    spec = importlib.util.spec_from_file_location("make_certificates", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_a_client_that_trusts_the_authority_reaches_the_server(make: ModuleType, tmp_path: Path) -> None:
    assert make.main(["--out", str(tmp_path), "visavis.test"]) == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        port = runner.addresses[0][1]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://127.0.0.1:{port}/", ssl=trusting) as response,
        ):
            assert await response.text() == "hello"
    finally:
        await runner.cleanup()


def test_keys_are_private_and_the_authority_stays(make: ModuleType, tmp_path: Path) -> None:
    make.make_server_certificate(tmp_path, ["a.test"])
    authority = (tmp_path / "ca.pem").read_bytes()
    first = (tmp_path / "server.pem").read_bytes()
    make.make_server_certificate(tmp_path, ["a.test", "192.0.2.1"])
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert (tmp_path / "server.pem").read_bytes() != first
    for name in ("ca.key", "server.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.test", "localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "127.0.0.1", "::1"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
