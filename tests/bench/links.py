#!/usr/bin/python3
"""Slow links: links.py RATE:PORT… listens for each at a port of its own, passes on to PORT of this machine at most RATE
bytes a second in each direction, over all connections together, and prints its ports in order, a line each."""
import asyncio
import sys

PIECE = 16 << 10


class Direction:
    """One end of a line: what goes through takes its time, one piece behind the other."""

    def __init__(self, rate):
        self.rate, self.free_at = rate, 0.0

    async def passes(self, size):
        now = asyncio.get_running_loop().time()
        self.free_at = max(now, self.free_at) + size / self.rate
        await asyncio.sleep(self.free_at - now)


async def flow(reader, writer, direction):
    try:
        while piece := await reader.read(PIECE):
            await direction.passes(len(piece))
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def link(rate, port):
    up, down = Direction(rate), Direction(rate)

    async def on_connection(reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(flow(reader, there_writer, up), flow(there_reader, writer, down))
        there_writer.close()
        writer.close()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0, limit=PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    return server


async def main():
    servers = [await link(float(rate), int(port)) for rate, port in (word.split(":") for word in sys.argv[1:])]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
