"""Why the broker cannot be reached, in words for the owner."""

import errno
import socket
import ssl

from paho.mqtt.reasoncodes import ReasonCode

from surveillance.broker import Broker

# OpenSSL's numbers for what is wrong with a certificate.
_EXPIRED, _NOT_YET, _OTHER_NAMES = (10,), (9,), (62, 64)
_NO_FILE = ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB", "BAD_BASE64_DECODE")
_UNTRUSTED = (18, 19, 20, 21)
SILENT = "The broker took the connection but does not answer."
LOST = "The connection to the broker was lost."
CLOSED = "The broker closed the connection before it answered. Perhaps it wants encryption: mqtts://."
AGAIN = (
    "The connection to the broker is lost again and again. Perhaps another program enters it under this house's name: "
    "then give one of them another prefix in MQTT_URL."
)
TAKEN = "Another program entered the broker under this house's name. Give one of them another prefix in MQTT_URL."
# As the protocol calls it.
OLD_PROTOCOL = "Unsupported protocol version"
_CODES = {
    "Bad user name or password": "The broker refuses the user name or password of MQTT_URL.",
    "Not authorized": "The broker does not let this user in: look at the user name and password of MQTT_URL.",
    "Client identifier not valid": "The broker refuses this house's name there; choose another prefix in MQTT_URL.",
    "Server unavailable": "The broker is not ready yet.",
    "Server busy": "The broker is busy.",
    "Server shutting down": "The broker is shutting down.",
    "Banned": "The broker has banned this house.",
    "Session taken over": TAKEN,
    OLD_PROTOCOL: "The broker does not speak this version of MQTT.",
    "Quota exceeded": "The broker says that too much is sent to it.",
    "Packet too large": "The broker takes no message as large as a still; add pictures=no to MQTT_URL.",
    "Keep alive timeout": LOST,
}


def refused(code: ReasonCode) -> str:
    """What the broker says."""
    return _CODES.get(code.getName(), f"The broker refuses the connection: {code.getName()}.")


def unreachable(error: OSError | ValueError, broker: Broker) -> str:
    """What the network or TLS says; nothing of it holds a password."""
    where = f"{broker.host}, port {broker.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error, broker)
    if isinstance(error, ssl.SSLError) and error.reason in _NO_FILE:
        return f"The file {broker.ca} holds no certificate that can be read."
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"There is no way to {broker.host}."
    by_kind: dict[type[Exception], str] = {
        ssl.SSLError: f"At {where} nobody speaks TLS as it should be; try mqtt://, or another port.",
        socket.gaierror: f"The host {broker.host} is not known.",
        ConnectionRefusedError: f"At {where} nobody listens.",
        TimeoutError: f"The broker at {where} does not answer.",
        ConnectionResetError: CLOSED,
        PermissionError: f"The file {broker.ca} may not be read." if broker.ca else f"The way to {where} is barred.",
        FileNotFoundError: f"The file {broker.ca} is not there.",
    }
    words = next((words for kind, words in by_kind.items() if isinstance(error, kind)), None)
    return words or f"The broker at {where} cannot be reached ({type(error).__name__})."


def _certificate(error: ssl.SSLCertVerificationError, broker: Broker) -> str:
    if error.verify_code in _EXPIRED:
        return "The broker's certificate has expired."
    if error.verify_code in _NOT_YET:
        return "The broker's certificate is not valid yet: is this machine's clock right?"
    if error.verify_code in _OTHER_NAMES:
        return f"The broker's certificate is for another name than {broker.host}."
    if error.verify_code in _UNTRUSTED:
        trusted = "the file that ca in MQTT_URL names" if broker.ca else "this machine; name its authority by ca="
        return f"The broker's certificate is not signed by an authority known to {trusted}."
    return f"The broker's certificate is not accepted: {error.verify_message}."
