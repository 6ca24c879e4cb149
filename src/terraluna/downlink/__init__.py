"""SSDV packets to pictures: formats, error correction, several stations' files, damage maps, and the encoder."""

from terraluna.downlink.assemble import ImagePackets, group_images
from terraluna.downlink.conceal import conceal
from terraluna.downlink.decode import (
    DecodedImage,
    DecodeOptions,
    DecodeResult,
    Downlink,
    decode_files,
    decode_sources,
)
from terraluna.downlink.encode import encode_array, encode_jpeg, packets_from_coefficients
from terraluna.downlink.fec import erasure_packets
from terraluna.downlink.formats import FORMATS, Packet, PacketFormat, build_packet, parse_packet
from terraluna.downlink.picture import Picture, decode_picture
from terraluna.downlink.report import image_report

__all__ = [
    "FORMATS",
    "DecodeOptions",
    "DecodeResult",
    "DecodedImage",
    "Downlink",
    "ImagePackets",
    "Packet",
    "PacketFormat",
    "Picture",
    "build_packet",
    "conceal",
    "decode_files",
    "decode_picture",
    "decode_sources",
    "encode_array",
    "encode_jpeg",
    "erasure_packets",
    "group_images",
    "image_report",
    "packets_from_coefficients",
    "parse_packet",
]
