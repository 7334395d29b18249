#!/usr/bin/env python3
"""Makes the pictures of this folder and what Pillow reads from them (Debian: python3-pil).

decode.txt   file width height crc32           of Image.open(file).convert("RGB"), or "refused"
exif.txt     file width height crc32           of ImageOps.exif_transpose of the same
resize.txt   w h left top width height W H crc32   of noise(w, h).resize((W, H), BICUBIC, box)
filters.txt  w h W H filter crc32              of noise(w, h).resize((W, H), filter)
views.txt    w h R S filter crc32              of noise(w, h), its shorter side resized to S with the
                                               filter, R x R cut from its centre; S of 0: squashed
test.txt     w h R crc32                       of CoOp's test transform of noise(w, h)
train.txt    w h R seed crc32                  of CoOp's train transform, drawn by random.Random
"""
import io
import math
import random
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
SUFFIXES = (".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".ppm", ".pgm", ".pbm")


def noise(width, height):
    """The picture that the C++ tests make too: high bytes of a linear congruential generator."""
    state, out = width * 65537 + height, bytearray()
    for _ in range(3 * width * height):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return Image.frombytes("RGB", (width, height), bytes(out))


def picture(width, height):
    """Smooth colours, an edge and some texture."""
    out = bytearray()
    for y in range(height):
        for x in range(width):
            edge = 60 if (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2 else 0
            out += bytes((
                int(255 * x / width) ^ edge,
                int(255 * y / height),
                (x * 7 + y * 13 + edge) % 256,
            ))
    return Image.frombytes("RGB", (width, height), bytes(out))


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth, kind, sample, extra=(), interlaced=False):
    """A PNG of unfiltered rows; `sample(x, y)` gives the channels of a pixel."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    raw = bytearray()
    for x0, y0, dx, dy in passes:
        columns = range(x0, width, dx)
        for y in range(y0, height, dy) if columns else ():
            bits = "".join(format(v, "0%db" % depth) for x in columns for v in sample(x, y))
            bits += "0" * (-len(bits) % 8)
            raw += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*e) for e in extra)
            + chunk(b"IDAT", zlib.compress(bytes(raw), 9)) + chunk(b"IEND", b""))


def save(name, image, **options):
    image.save(HERE / name, **options)


def make_jpegs():
    rgb = picture(61, 45)
    save("jpeg_420.jpg", rgb, quality=85, subsampling=2)
    save("jpeg_422.jpg", rgb, quality=85, subsampling=1)
    save("jpeg_444.jpg", rgb, quality=90, subsampling=0)
    save("jpeg_progressive.jpg", rgb, quality=80, progressive=True)
    save("jpeg_grey.jpg", rgb.convert("L"), quality=85)
    cmyk = Image.merge("CMYK", (*rgb.split(), picture(45, 61).resize((61, 45)).split()[0]))
    save("jpeg_cmyk_adobe.jpg", cmyk, quality=85)
    data = (HERE / "jpeg_cmyk_adobe.jpg").read_bytes()
    at = data.index(b"\xff\xee")
    length = struct.unpack(">H", data[at + 2:at + 4])[0]
    (HERE / "jpeg_cmyk_plain.jpg").write_bytes(data[:at] + data[at + 2 + length:])
    ycck = bytearray(data)
    ycck[at + 1 + length] = 2  # the Adobe marker's last byte: 2 says YCCK
    (HERE / "jpeg_ycck.jpg").write_bytes(bytes(ycck))
    small = (HERE / "jpeg_420.jpg").read_bytes()
    start = small.index(b"\xff\xda")
    (HERE / "jpeg_extraneous.jpg").write_bytes(small[:start] + b"\0\x11\x22" + small[start:])
    (HERE / "jpeg_trailing.jpg").write_bytes(small + b"trailing bytes")
    (HERE / "jpeg_no_end.jpg").write_bytes(small[:-2])


def make_pngs():
    rgb = picture(37, 29)
    grey = rgb.convert("L")
    save("png_rgb.png", rgb)
    save("png_rgba.png", Image.merge("RGBA", (*rgb.split(), grey)))
    save("png_grey.png", grey)
    save("png_grey_alpha.png", Image.merge("LA", (grey, grey)))
    save("png_palette.png", rgb.quantize(40))
    save("png_palette_alpha.png", rgb.quantize(40), transparency=bytes(range(0, 240, 6)))
    save("png_palette_4.png", rgb.quantize(16), bits=4)
    save("png_palette_1.png", rgb.quantize(2), bits=1)
    save("png_1.png", grey.convert("1"))

    def rgb16(x, y):
        return (x * 1771 % 65536, y * 2259 % 65536, (x * y * 97 + 128) % 65536)

    def write(name, *arguments, **options):
        (HERE / name).write_bytes(png(*arguments, **options))

    write("png_grey_2.png", 19, 11, 2, 0, lambda x, y: ((x + y) % 4,))
    write("png_grey_4.png", 19, 11, 4, 0, lambda x, y: ((x * y) % 16,))
    write("png_grey_16.png", 19, 11, 16, 0, lambda x, y: ((x * 40 + y * 9),))
    write("png_grey_16_interlaced.png", 19, 11, 16, 0, lambda x, y: (x * 30,), interlaced=True)
    write("png_grey_alpha_16.png", 19, 11, 16, 4, lambda x, y: (x * 3001 % 65536, y * 5000))
    write("png_rgb_16.png", 19, 11, 16, 2, rgb16)
    write("png_rgba_16.png", 19, 11, 16, 6, lambda x, y: (*rgb16(x, y), 65535 - x * 3000))
    write("png_interlaced.png", 37, 29, 8, 2, lambda x, y: rgb.getpixel((x, y)), interlaced=True)
    write("png_interlaced_grey_1.png", 21, 13, 1, 0, lambda x, y: ((x ^ y) & 1,), interlaced=True)
    write("png_grey_transparent.png", 19, 11, 8, 0, lambda x, y: (x * 13,),
          extra=[(b"tRNS", b"\0\x0d")])
    write("png_rgb_transparent.png", 19, 11, 8, 2, lambda x, y: (x * 13, y * 23, 7),
          extra=[(b"tRNS", b"\0\0\0\0\0\7")])
    colours = bytes((200, 10, 30, 20, 210, 40, 30, 50, 220))
    write("png_palette_2.png", 19, 11, 2, 3, lambda x, y: ((x + y) % 3,),
          extra=[(b"PLTE", colours), (b"tRNS", b"\x80\0")])
    write("png_palette_interlaced.png", 19, 11, 4, 3, lambda x, y: ((x + y) % 3,),
          extra=[(b"PLTE", colours)], interlaced=True)
    profile = b"name\0\0" + zlib.compress(bytes(1 << 20), 9)
    text = b"Comment\0\0" + zlib.compress(bytes(1 << 20), 9)
    write("png_bombs.png", 5, 4, 8, 2, lambda x, y: (x * 50, y * 60, 9),
          extra=[(b"iCCP", profile), (b"zTXt", text)])
    write("png_one_pixel.png", 1, 1, 8, 2, lambda x, y: (1, 2, 3))
    (HERE / "png_no_end.png").write_bytes((HERE / "png_rgb_16.png").read_bytes()[:-12])


def make_webps():
    rgb = picture(43, 31)
    alpha = Image.merge("RGBA", (*rgb.split(), rgb.convert("L")))
    save("webp_lossy.webp", rgb, quality=70)
    save("webp_lossless.webp", rgb.quantize(16).convert("RGB"), lossless=True)
    save("webp_lossy_alpha.webp", alpha, quality=70)
    save("webp_lossless_alpha.webp", alpha, lossless=True, exact=True)
    save("webp_animated.webp", rgb, save_all=True, quality=60,
         append_images=[rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    save("webp_animated_alpha.webp", alpha, save_all=True, quality=60,
         append_images=[alpha.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    still = io.BytesIO()
    rgb.resize((11, 9)).save(still, "WEBP", quality=60)
    frame = b"".join(v.to_bytes(3, "little") for v in (3, 2, 10, 8, 100)) + b"\0"
    (HERE / "webp_animated_offset.webp").write_bytes(riff(
        (b"VP8X", b"\2\0\0\0" + (29).to_bytes(3, "little") + (19).to_bytes(3, "little")),
        (b"ANIM", b"\xff\xff\xff\xff\0\0"), (b"ANMF", frame + still.getvalue()[12:])))


def riff(*chunks):
    body = b"WEBP"
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(bits, compression, width, height, body, colours=b"", masks=b""):
    """A bitmap with a header of 40 bytes; `height` is negative for rows from the top."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0,
                         len(colours) // 4, 0) + masks + colours
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + body


def make_bmps():
    rgb = picture(23, 17)
    save("bmp_24.bmp", rgb)
    save("bmp_8.bmp", rgb.quantize(40))
    save("bmp_grey.bmp", rgb.convert("L"))
    save("bmp_1.bmp", rgb.convert("1"))
    save("bmp_32_alpha.bmp", Image.merge("RGBA", (*rgb.split(), rgb.convert("L"))))

    def write(name, *arguments, **options):
        (HERE / name).write_bytes(bmp(*arguments, **options))

    wide = b"".join(struct.pack("<H", (x * 2654435761 >> 7) & 0xFFFF) for x in range(6 * 5))
    write("bmp_16_555.bmp", 16, 0, 6, 5, wide)
    write("bmp_16_565.bmp", 16, 3, 6, -5, wide,
          masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    write("bmp_32_top_down.bmp", 32, 0, 3, -2, bytes(range(24)))
    four = b"".join(bytes((40 * i, 255 - 30 * i, 9 * i, 0)) for i in range(6))
    write("bmp_4.bmp", 4, 0, 5, 3, bytes.fromhex("012340000543210000123450"[:24]), four)
    write("bmp_runs_8.bmp", 8, 1, 5, 3,
          bytes.fromhex("0501" "0000" "0003020304" "00" "0202" "0000" "0305" "0207" "0001"),
          four)
    write("bmp_runs_4.bmp", 4, 2, 6, 2, bytes.fromhex("0612" "0000" "0004" "1234" "0250" "0001"),
          four)
    old = struct.pack("<IHHHH", 12, 4, 2, 1, 8) + bytes(range(0, 255, 17)) * 51 + b"\0\1\2"
    old = old[:12 + 768]
    (HERE / "bmp_os2.bmp").write_bytes(
        b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(old)) + old + bytes((9, 80, 255, 3) * 2))


def make_gifs():
    rgb = picture(31, 22)
    palette = rgb.quantize(50)
    save("gif_palette.gif", palette)
    save("gif_interlaced.gif", palette, interlace=1)
    save("gif_grey.gif", rgb.convert("L"))
    save("gif_transparent.gif", palette, transparency=3)
    save("gif_animated.gif", palette, save_all=True, interlace=0,
         append_images=[rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT).quantize(30)])
    # The first picture covers a part of the canvas, or reaches beyond it.
    whole = (HERE / "gif_animated.gif").read_bytes()
    at = whole.index(b",\0\0\0\0" + struct.pack("<HH", 31, 22))
    for name, left, top, canvas in (("part", 4, 3, (50, 40)), ("beyond", 5, 6, (20, 10))):
        data = bytearray(whole)
        data[at + 1:at + 5] = struct.pack("<HH", left, top)
        data[6:10] = struct.pack("<HH", *canvas)
        (HERE / ("gif_%s.gif" % name)).write_bytes(bytes(data))
    still = (HERE / "gif_transparent.gif").read_bytes()
    at = still.index(b",\0\0\0\0" + struct.pack("<HH", 31, 22))
    data = bytearray(still)
    data[6:10] = struct.pack("<HH", 40, 30)
    (HERE / "gif_part_transparent.gif").write_bytes(bytes(data))
    save("gif_named.jpg", palette, format="GIF")


def make_tiffs():
    rgb = picture(29, 18)
    grey = rgb.convert("L")
    for name, compression in (("raw", None), ("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"),
                              ("packbits", "packbits"), ("jpeg", "jpeg")):
        save("tiff_%s.tif" % name, rgb, compression=compression)
    save("tiff_grey.tif", grey)
    save("tiff_palette.tif", rgb.quantize(20), compression="tiff_lzw")
    save("tiff_1.tif", grey.convert("1"), compression="group4")
    save("tiff_cmyk.tif", Image.merge("CMYK", (*rgb.split(), grey)))
    save("tiff_alpha.tif", Image.merge("RGBA", (*rgb.split(), grey)), compression="tiff_lzw")
    save("tiff_grey_alpha.tif", Image.merge("LA", (grey, grey)))
    save("tiff_ycbcr.tif", rgb.convert("YCbCr"), compression="jpeg")
    wide = Image.new("I;16", (7, 5))
    wide.putdata([v * 37 for v in range(35)])
    save("tiff_grey_16.tif", wide)
    real = Image.new("F", (7, 5))
    real.putdata([v * 9.7 - 20 for v in range(35)])
    save("tiff_float.tif", real)
    for orientation in (2, 3, 6, 8):
        save("tiff_turned_%d.tif" % orientation, rgb, tiffinfo={274: orientation})
    save("tiff_pages.tif", rgb, save_all=True, append_images=[grey])


def make_pnms():
    rgb = picture(13, 9)
    save("pnm_rgb.ppm", rgb)
    save("pnm_grey.pgm", rgb.convert("L"))
    save("pnm_1.pbm", rgb.convert("1"))

    def write(name, text, body=b""):
        (HERE / name).write_bytes(text.encode() + body)

    write("pnm_plain_rgb.ppm", "P3\n# a comment\n2 2 15\n0 5 15 3 # here, too\n4 5 6 7 8 15 15 1\n")
    write("pnm_plain_grey.pgm", "P2 3 2 100 0 50 100 33 99 1\n")
    write("pnm_plain_1.pbm", "P1\n4 2\n0110\n1 0 0 1\n")
    write("pnm_max_63.ppm", "P6 2 1 63\n", bytes((0, 31, 63, 5, 6, 7)))
    write("pnm_rgb_16.ppm", "P6 2 1 65535\n", struct.pack(">6H", 0, 300, 65535, 999, 30000, 128))
    write("pnm_grey_16.pgm", "P5 4 1 65535\n", struct.pack(">4H", 0, 200, 300, 65535))


def make_exif():
    small = picture(13, 9)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save("exif_%d.jpg" % orientation, small, quality=80, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("exif_6.png", small, exif=exif)
    save("exif_6.webp", small, quality=80, exif=exif)
    # The same orientation in big-endian order behind other tags.
    entries = [(0x010F, 2, 2, b"a\0\0\0"), (0x0112, 3, 1, b"\0\x08\0\0")]
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries))
    tiff += b"".join(struct.pack(">HHI", *e[:3]) + e[3] for e in entries) + bytes(4)
    save("exif_big_endian.jpg", small, quality=80, exif=b"Exif\0\0" + tiff)


def crc(image):
    return "%08x" % zlib.crc32(image.tobytes())


def line(*words):
    return " ".join(str(w) for w in words) + "\n"


def write_expected():
    files = sorted(p for p in HERE.iterdir() if p.suffix in SUFFIXES)
    with open(HERE / "decode.txt", "w") as decode, open(HERE / "exif.txt", "w") as turned:
        for path in files:
            try:
                rgb = Image.open(path).convert("RGB")
            except OSError:
                decode.write(line(path.name, 0, 0, "refused"))
                continue
            decode.write(line(path.name, *rgb.size, crc(rgb)))
            if path.name.startswith("exif_"):
                image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
                turned.write(line(path.name, *image.size, crc(image)))


def write_resizes():
    draw = random.Random(7)
    cases = [(1, 1, 0, 0, 1, 1, 5, 7), (500, 3, 0, 0, 500, 3, 1, 1), (7, 5, 0, 0, 7, 5, 7, 5),
             (7, 5, 0, 0, 7, 5, 7, 11), (7, 5, 0, 0, 7, 5, 14, 5), (9, 8, 2, 1, 4, 5, 4, 5),
             (2, 300, 0, 0, 2, 300, 224, 3), (160, 120, 0, 0, 160, 120, 299, 224),
             (301, 199, 0, 0, 301, 199, 338, 224), (333, 250, 0, 0, 333, 250, 298, 224)]
    for _ in range(110):
        w, h = draw.randint(1, 90), draw.randint(1, 90)
        width, height = draw.randint(1, w), draw.randint(1, h)
        left, top = draw.randint(0, w - width), draw.randint(0, h - height)
        if draw.random() < 0.4:
            left, top, width, height = 0, 0, w, h
        cases.append((w, h, left, top, width, height, draw.randint(1, 120), draw.randint(1, 120)))
    with open(HERE / "resize.txt", "w") as out:
        for w, h, left, top, width, height, to_w, to_h in cases:
            box = (left, top, left + width, top + height)
            image = noise(w, h).resize((to_w, to_h), Image.Resampling.BICUBIC, box)
            out.write(line(w, h, left, top, width, height, to_w, to_h, crc(image)))


def test_view(image, size):
    w, h = image.size
    short, long = min(w, h), max(w, h)
    other = int(size * long / short)
    to = (size, other) if w <= h else (other, size)
    image = image.resize(to, Image.Resampling.BICUBIC)
    left, top = int(round((to[0] - size) / 2.0)), int(round((to[1] - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def write_filters():
    sizes = [(31, 17, 31, 17), (31, 17, 10, 40), (64, 48, 16, 16), (5, 9, 20, 3), (90, 91, 33, 32)]
    with open(HERE / "filters.txt", "w") as out:
        for w, h, to_w, to_h in sizes:
            for number in range(6):
                image = noise(w, h).resize((to_w, to_h), Image.Resampling(number))
                out.write(line(w, h, to_w, to_h, number, crc(image)))
    with open(HERE / "views.txt", "w") as out:
        for w, h in ((64, 48), (47, 63), (33, 200)):
            for size, short, number in ((24, 32, 3), (24, 32, 2), (16, 24, 0), (20, 0, 2), (20, 0, 3)):
                image = noise(w, h)
                if short == 0:
                    view = image.resize((size, size), Image.Resampling(number))
                else:
                    other = int(short * max(w, h) / min(w, h))
                    to = (short, other) if w <= h else (other, short)
                    left, top = int(round((to[0] - size) / 2.0)), int(round((to[1] - size) / 2.0))
                    view = image.resize(to, Image.Resampling(number)).crop(
                        (left, top, left + size, top + size))
                out.write(line(w, h, size, short, number, crc(view)))


def crop_box(w, h, draw):
    for _ in range(10):
        area = w * h * (0.08 + (1.0 - 0.08) * draw.random())
        low, high = math.log(3 / 4), math.log(4 / 3)
        ratio = math.exp(low + (high - low) * draw.random())
        cw, ch = int(round(math.sqrt(area * ratio))), int(round(math.sqrt(area / ratio)))
        if 0 < cw <= w and 0 < ch <= h:
            top = draw.randrange(h - ch + 1)
            left = draw.randrange(w - cw + 1)
            return left, top, left + cw, top + ch
    cw, ch = w, h
    if w / h < 3 / 4:
        ch = int(round(w / (3 / 4)))
    elif w / h > 4 / 3:
        cw = int(round(h * (4 / 3)))
    left, top = (w - cw) // 2, (h - ch) // 2
    return left, top, left + cw, top + ch


def train_view(image, size, draw):
    image = image.crop(crop_box(*image.size, draw)).resize((size, size), Image.Resampling.BICUBIC)
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else image


def write_views():
    sizes = [(1, 1), (3, 200), (200, 3), (32, 32), (33, 32), (32, 35), (64, 48), (47, 63), (90, 91),
             (160, 121), (57, 32)]
    with open(HERE / "test.txt", "w") as out:
        for w, h in sizes:
            for size in (1, 32, 33, 224) if w * h < 4000 else (32,):
                out.write(line(w, h, size, crc(test_view(noise(w, h), size))))
    with open(HERE / "train.txt", "w") as out:
        for w, h in sizes:
            for seed in range(1, 5):
                image = train_view(noise(w, h), 32, random.Random(seed))
                out.write(line(w, h, 32, seed, crc(image)))


if __name__ == "__main__":
    make_jpegs()
    make_pngs()
    make_webps()
    make_bmps()
    make_gifs()
    make_tiffs()
    make_pnms()
    make_exif()
    write_expected()
    write_resizes()
    write_filters()
    write_views()
