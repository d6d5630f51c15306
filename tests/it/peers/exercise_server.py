"""The original exercise's server: whoever connects is sent one JSON object.

exercise_server.py threaded|once ID HEIGHT WEIGHT SIZE
"""

import json
import socket
import sys
import threading

kind, id, height, weight, size = sys.argv[1:]
message = json.dumps({"id": id, "height": int(height), "weight": int(weight), "size": size})


def answer(connection):
    connection.send(message.encode())
    connection.close()


listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(5)
print("listening on %s:%d" % listener.getsockname(), file=sys.stderr, flush=True)
while True:
    connection, _ = listener.accept()
    if kind == "once":
        answer(connection)
        break
    threading.Thread(target=answer, args=(connection,)).start()
