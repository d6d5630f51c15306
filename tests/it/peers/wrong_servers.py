"""Servers as beginners write them, each with one mistake, at a port of its own; and one that is right.

wrong_servers.py CERT KEY prints "NAME PORT" for each, and then "ready".
"""

import http.server
import json
import socket
import struct
import sys
import threading
import time
from concurrent import futures

import grpc
import profile_pb2
import profile_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

WORKERS = futures.ThreadPoolExecutor(max_workers=64)
RIGHT = {"id": "1002", "height_cm": 171, "weight_kg": 64.5, "size": 5}


def tell(name, port):
    print(name, port, file=sys.stderr, flush=True)


def keep(server, name, credentials=None):
    port = (
        server.add_secure_port("127.0.0.1:0", credentials)
        if credentials
        else server.add_insecure_port("127.0.0.1:0")
    )
    server.start()
    SERVERS.append(server)
    tell(name, port)


SERVERS = []


def response(**changes):
    return profile_pb2.GetProfileResponse(**{**RIGHT, **changes})


def serve(name, answer, credentials=None):
    """A server whose method is `answer`."""

    class Profile(profile_pb2_grpc.ProfileServicer):
        def GetProfile(self, request, context):
            return answer(context)

    server = grpc.server(WORKERS)
    profile_pb2_grpc.add_ProfileServicer_to_server(Profile(), server)
    keep(server, name, credentials)


def serve_bytes(name, message, service="lab.Profile", method="GetProfile", reflected=None):
    """A server whose method, under any name, returns these bytes."""
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: message)
    server = grpc.server(WORKERS)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {method: handler})]
    )
    if reflected:
        reflection.enable_server_reflection([reflected], server)
    keep(server, name)


def serve_socket(name, answer):
    """A server that treats each connection with `answer`."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def treat(connection):
        with connection:
            answer(connection)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=treat, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    tell(name, listener.getsockname()[1])


def field(number, wire_type, data):
    return bytes([number << 3 | wire_type]) + data


def text(number, value):
    return field(number, 2, bytes([len(value)]) + value.encode())


def double(number, value):
    return field(number, 1, struct.pack("<d", value))


ID, HEIGHT, WEIGHT, SIZE = text(1, "1002"), double(2, 171), double(3, 64.5), field(4, 0, b"\x05")

# The right one.
server = grpc.server(WORKERS)


class Right(profile_pb2_grpc.ProfileServicer):
    def GetProfile(self, request, context):
        return response()


profile_pb2_grpc.add_ProfileServicer_to_server(Right(), server)
servicer = health.HealthServicer()
servicer.set("lab.Profile", health_pb2.HealthCheckResponse.SERVING)
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
reflection.enable_server_reflection(["lab.Profile", reflection.SERVICE_NAME], server)
keep(server, "right")

# Values.
serve("metres", lambda _: response(height_cm=1.71))
serve("millimetres", lambda _: response(height_cm=1710))
serve("grams", lambda _: response(weight_kg=64500))
serve("jin", lambda _: response(weight_kg=1290))
serve("nan", lambda _: response(height_cm=float("nan")))
serve("chinese-id", lambda _: response(id="小明"))
serve("long-id", lambda _: response(id="1" * 33))
serve("unknown-size", lambda _: response(size=9))
serve("empty", lambda _: profile_pb2.GetProfileResponse())
serve("no-height", lambda _: profile_pb2.GetProfileResponse(id="1002", weight_kg=64.5, size=5))
serve("two-mistakes", lambda _: response(height_cm=1.71, size=0))

# The proto file, changed.
serve_bytes("float", ID + field(2, 5, struct.pack("<f", 171)) + WEIGHT + SIZE)
serve_bytes("string-height", ID + text(2, "171") + WEIGHT + SIZE)
serve_bytes("integer-height", ID + field(2, 0, b"\xab\x01") + WEIGHT + SIZE)
serve_bytes("string-size", ID + HEIGHT + WEIGHT + text(4, "L"))
serve_bytes("integer-id", field(1, 0, b"\x05") + HEIGHT + WEIGHT + SIZE)
serve_bytes("numbers-from-2", text(2, "1002") + double(3, 171) + double(4, 64.5))
serve_bytes("numbers-from-11", text(11, "1002") + double(12, 171) + double(13, 64.5))
serve_bytes("other-package", ID + HEIGHT + WEIGHT + SIZE, service="Lab.Profile")
serve_bytes("no-package", ID + HEIGHT + WEIGHT + SIZE, service="Profile")
serve_bytes("other-service", ID + HEIGHT + WEIGHT + SIZE, service="lab.ProfileService")
serve_bytes("other-method", ID + HEIGHT + WEIGHT + SIZE, method="getProfile")
serve_bytes("reflected", ID, service="a.B", reflected="school.Student")

# The program.
server = grpc.server(WORKERS)
keep(server, "not-registered")
server = grpc.server(WORKERS)
profile_pb2_grpc.add_ProfileServicer_to_server(profile_pb2_grpc.ProfileServicer(), server)
keep(server, "not-implemented")
serve("wrong-field-name", lambda _: response(heigth=171))
serve("dict", lambda _: RIGHT)
serve("none", lambda _: None)
serve("not-found", lambda context: context.abort(grpc.StatusCode.NOT_FOUND, "not here"))
serve("slow", lambda _: time.sleep(3) or response())


def two_responses(request, context):
    yield response()
    yield response(id="1003")


server = grpc.server(WORKERS)
handler = grpc.unary_stream_rpc_method_handler(
    two_responses, response_serializer=profile_pb2.GetProfileResponse.SerializeToString
)
server.add_generic_rpc_handlers(
    [grpc.method_handlers_generic_handler("lab.Profile", {"GetProfile": handler})]
)
keep(server, "stream")

# The port.
with open(sys.argv[1], "rb") as cert, open(sys.argv[2], "rb") as key:
    serve("tls", lambda _: response(), grpc.ssl_server_credentials([(key.read(), cert.read())]))
with socket.create_server(("127.0.0.1", 0)) as free:
    tell("not-started", free.getsockname()[1])


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
threading.Thread(target=web.serve_forever, daemon=True).start()
tell("http1", web.server_port)
serve_socket("closes", lambda connection: None)
serve_socket("silent", lambda connection: time.sleep(4))
serve_socket("banner", lambda connection: connection.sendall(b"Welcome!\r\nPlease log in\r\n"))

# JSON without gRPC.
JSON = {"id": "1003", "height": 165, "weight": 52, "size": "S"}


def serve_json(name, message):
    serve_socket(name, lambda connection: connection.sendall(message))


serve_json("json-quoted-height", json.dumps({**JSON, "height": "165"}).encode())
serve_json("json-number-id", json.dumps({**JSON, "id": 1003}).encode())
serve_json("json-single-quotes", str(JSON).encode())
serve_json("json-none", str({**JSON, "height": None}).replace("'", '"').encode())
serve_json("json-gbk", json.dumps({**JSON, "id": "小明"}, ensure_ascii=False).encode("gbk"))
serve_json("json-cut", json.dumps(JSON).encode()[:-5])
serve_json("json-wrapped", json.dumps({"profile": JSON}).encode())
serve_json("json-capitals", json.dumps({key.upper(): value for key, value in JSON.items()}).encode())

print("ready", file=sys.stderr, flush=True)
threading.Event().wait()
