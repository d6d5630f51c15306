"""The survey's calls in Python.

survey.py grpcio HOSTS     grpcio's asyncio client, 256 calls at a time, a channel each
survey.py threads HOSTS    the original exercise's client: a thread and a socket each, and no gRPC
"""

import asyncio
import json
import sys
import threading


def report(profiles):
    heights = sum(round(profile["height"] * 10) for profile in profiles)
    print(len(profiles), sum(int(profile["id"]) for profile in profiles), heights)


async def grpcio(hosts):
    import grpc
    import profile_pb2
    import profile_pb2_grpc

    profiles = []
    hosts = iter(hosts)

    async def work():
        for host in hosts:
            async with grpc.aio.insecure_channel(host) as channel:
                stub = profile_pb2_grpc.ProfileStub(channel)
                answer = await stub.GetProfile(profile_pb2.GetProfileRequest(), timeout=5)
            profiles.append({"id": answer.id, "height": answer.height_cm})

    await asyncio.gather(*(work() for _ in range(256)))
    report(profiles)


def threads(hosts):
    import socket

    profiles = []

    def ask(host):
        ip, port = host.split(":")
        with socket.create_connection((ip, int(port)), timeout=5) as connection:
            profiles.append(json.loads(connection.recv(1024)))

    asking = [threading.Thread(target=ask, args=(host,)) for host in hosts]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    report(profiles)


kind, path = sys.argv[1:]
with open(path) as file:
    hosts = file.read().split()
if kind == "grpcio":
    asyncio.run(grpcio(hosts))
else:
    threads(hosts)
