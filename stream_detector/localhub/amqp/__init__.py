"""The server side of AMQP 1.0, without sockets, clocks or threads: bytes in, bytes out.

It knows the protocol (OASIS AMQP 1.0, parts 1 to 5) and nothing of Event Hubs: which addresses
exist, who may use them and what a message means is decided by the service plugged into it.
"""
