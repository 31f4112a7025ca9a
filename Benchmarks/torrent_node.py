"""One node of a swarm of libtorrent's, for the Python that Debian's package is for; its orders come from standard input.

usage: torrent_node.py make FILE TORRENT
       torrent_node.py seed|super-seed|fetch TORRENT FOLDER ADDRESS [PEER ...]
Prints `ready`; after a line on standard input it begins; prints `done` once it has the file, and goes on sending."""
import os
import sys
import time

import libtorrent as lt

PIECE = 1 << 20
PORT = 6881
SETTINGS = {
    # Peers are those that are named, and nobody is slowed down.
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "upload_rate_limit": 0, "download_rate_limit": 0, "unchoke_slots_limit": -1, "connections_limit": 200,
    "allow_multiple_connections_per_ip": True, "min_reconnect_time": 1, "connection_speed": 200,
    # TCP alone, as the others have it, and no encryption, which the others don't have either.
    "enable_outgoing_utp": False, "enable_incoming_utp": False, "out_enc_policy": 2, "in_enc_policy": 2,
    # Enough requests and buffers for the link.
    "max_out_request_queue": 1500, "max_allowed_in_request_queue": 4000, "send_buffer_watermark": 4 << 20,
    "send_buffer_low_watermark": 512 << 10, "alert_mask": 0,
}


def make(file, path):
    storage = lt.file_storage()
    lt.add_files(storage, file)
    torrent = lt.create_torrent(storage, PIECE, lt.create_torrent.v2_only)
    lt.set_piece_hashes(torrent, os.path.dirname(file))
    with open(path, "wb") as out:
        out.write(lt.bencode(torrent.generate()))


def join(role, path, folder, address, peers):
    session = lt.session(dict(SETTINGS, listen_interfaces=f"{address}:{PORT}"))
    torrent = lt.add_torrent_params()
    torrent.ti, torrent.save_path = lt.torrent_info(path), folder
    torrent.flags = lt.torrent_flags.update_subscribe
    seeds = role != "fetch"
    if seeds:
        if role == "super-seed":
            torrent.flags |= lt.torrent_flags.super_seeding
        handle = session.add_torrent(torrent)
        until(lambda: handle.status().is_seeding)
    print("ready", flush=True)
    sys.stdin.readline()
    if not seeds:
        handle = session.add_torrent(torrent)
    is_done = seeds
    while True:
        # Who wasn't there yet is asked again.
        connected = {peer.ip[0] for peer in handle.get_peer_info()}
        for peer in peers:
            if peer not in connected and not is_done:
                handle.connect_peer((peer, PORT))
        for _ in range(50):
            if not is_done and handle.status().is_seeding:
                is_done = True
                print("done", flush=True)
            time.sleep(0.01)


def until(condition):
    while not condition():
        time.sleep(0.01)


if sys.argv[1] == "make":
    make(*sys.argv[2:])
else:
    join(*sys.argv[1:5], sys.argv[5:])
