"""Small neural vocoders, trained here on genuine speech, and what they make of it: synthetic speech to learn from.

    python models/voice/vocoders.py train DATA/voice OUT --seconds 180
    python models/voice/vocoders.py copy DATA/voice OUT

Wang and Yamagishi (2023, arXiv:2210.10570) showed that a detector can learn from copies that vocoders make of genuine
speech. None of these four is anybody's published vocoder: they are small and barely trained, each with another way
from bands to sound (transposed convolutions, a spectrum for each frame, repeated samples, a quantised code), trained
against the same critics. Those of held-out generators stay unseen.

They hear only the sources in `HEARD`, so that no genuine speech that comes with synthetic speech has shaped them.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from corpus import COLUMNS, Clip, keep, read_clips, read_sound
from torch import Tensor, nn
from torch.nn.utils import weight_norm

from liveguard.types import FloatArray

SEED = 5
RATE_HZ = 16_000
HEARD = ("resemble-ai/Resemblyzer", "Picovoice/wake-word-benchmark", "jim-schwoebel/sample_voice_data")
CROP = 9_600  # samples, a multiple of every hop
BATCH = 32
LEARNING_RATE = 6e-4
BETAS = (0.8, 0.99)
MEL_WEIGHT = 45.0


class MelBands(nn.Module):
    """Log mel bands (batch, bands, n // hop) of sound (batch, n)."""

    def __init__(self, bands: int, hop: int, window: int = 1024) -> None:
        super().__init__()
        self.hop, self.window = hop, window
        self.register_buffer("hann", torch.hann_window(window))
        self.register_buffer("filters", mel_filters(bands, window))

    def forward(self, pcm: Tensor) -> Tensor:
        padded = F.pad(pcm[:, None], ((self.window - self.hop) // 2,) * 2, mode="reflect")[:, 0]
        spectra = torch.stft(padded, self.window, self.hop, window=self.hann, center=False, return_complex=True)
        return torch.log((self.filters @ spectra.abs()).clamp(min=1e-5))


def mel_filters(bands: int, window: int, lowest_hz: float = 0.0, highest_hz: float = 8000.0) -> Tensor:
    """Triangles (bands, window / 2 + 1), evenly spaced on the mel scale of O'Shaughnessy."""
    mel = np.linspace(*(2595 * np.log10(1 + np.array((lowest_hz, highest_hz)) / 700)), bands + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    at = np.linspace(0, RATE_HZ / 2, window // 2 + 1)[None]
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    shape = np.maximum(np.minimum((at - low) / (middle - low), (high - at) / (high - middle)), 0)
    return torch.tensor(shape / np.maximum(shape.sum(1, keepdims=True), 1e-9), dtype=torch.float32)


def conv(ins: int, outs: int, kernel: int, **how: int) -> nn.Module:
    dilation = how.get("dilation", 1)
    return weight_norm(nn.Conv1d(ins, outs, kernel, padding=dilation * (kernel - 1) // 2, **how))


class Residual(nn.Module):
    """Two convolutions of growing reach beside an identity."""

    def __init__(self, channels: int, kernel: int, slope: float = 0.1) -> None:
        super().__init__()
        self.slope = slope
        self.steps = nn.ModuleList(conv(channels, channels, kernel, dilation=d) for d in (1, 3))

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = x + step(F.leaky_relu(x, self.slope))
        return x


class Transposed(nn.Module):
    """Bands to sound by transposed convolutions, in the manner of HiFi-GAN (Kong et al. 2020, arXiv:2010.05646)."""

    def __init__(self, ins: int, channels: int = 192, strides: Sequence[int] = (8, 8, 4)) -> None:
        super().__init__()
        self.first = conv(ins, channels, 7)
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        for stride in strides:
            self.ups.append(weight_norm(nn.ConvTranspose1d(channels, channels // 2, 2 * stride, stride, stride // 2)))
            channels //= 2
            self.blocks.append(nn.ModuleList(Residual(channels, kernel) for kernel in (3, 7)))
        self.last = conv(channels, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            x = up(F.leaky_relu(x, 0.1))
            x = torch.stack([block(x) for block in blocks]).mean(0)
        return torch.tanh(self.last(F.leaky_relu(x, 0.1)))[:, 0]


class Repeated(nn.Module):
    """Bands to sound by repeated samples and convolutions that smooth them, with periodic activations."""

    def __init__(self, ins: int, channels: int = 192, strides: Sequence[int] = (5, 5, 8)) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.first = conv(ins, channels, 7)
        self.steps, self.blocks = nn.ModuleList(), nn.ModuleList()
        for stride in strides:
            self.steps.append(conv(channels, channels // 2, 2 * stride + 1))
            channels //= 2
            self.blocks.append(Residual(channels, 5))
        self.last = conv(channels, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for stride, step, block in zip(self.strides, self.steps, self.blocks, strict=True):
            x = step(x.repeat_interleave(stride, dim=2))
            x = block(x + torch.sin(x) ** 2)
        return torch.tanh(self.last(x))[:, 0]


class Spectral(nn.Module):
    """Bands to a spectrum for each frame and from there by inverse transform, as Vocos (Siuzdak 2023, arXiv:2306.00814)."""

    def __init__(self, ins: int, channels: int = 256, depth: int = 6, hop: int = 160, window: int = 640) -> None:
        super().__init__()
        self.hop, self.window = hop, window
        self.first = nn.Conv1d(ins, channels, 7, padding=3)
        self.depths = nn.ModuleList(nn.Conv1d(channels, channels, 7, padding=3, groups=channels) for _ in range(depth))
        self.mixes = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(1, channels), nn.Conv1d(channels, 3 * channels, 1), nn.GELU(),
                          nn.Conv1d(3 * channels, channels, 1)) for _ in range(depth)
        )  # fmt: skip
        self.last = nn.Conv1d(channels, window + 2, 1)
        self.register_buffer("hann", torch.hann_window(window))

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[2] * self.hop
        x = self.first(x)
        for depth, mix in zip(self.depths, self.mixes, strict=True):
            x = x + mix(depth(x))
        size, angle = self.last(x).float().chunk(2, dim=1)
        spectra = torch.polar(torch.exp(size.clamp(max=5.0)), angle)
        spectra = F.pad(torch.view_as_real(spectra), (0, 0, 0, 1), mode="constant")  # one frame more closes the end
        return torch.istft(torch.view_as_complex(spectra), self.window, self.hop, window=self.hann, length=n)


class Coded(nn.Module):
    """Sound to a short code of few levels and back, in the manner of neural codecs (arXiv:2107.03312).

    The levels are those of finite scalar quantisation (Mentzer et al. 2023, arXiv:2309.15505): no codebook to learn.
    """

    def __init__(self, channels: int = 32, strides: Sequence[int] = (4, 5, 8), code: int = 12, levels: int = 7) -> None:
        super().__init__()
        self.half = (levels - 1) / 2
        steps: list[nn.Module] = [conv(1, channels, 7)]
        for stride in strides:
            steps += [Residual(channels, 5), nn.LeakyReLU(0.1)]
            steps.append(weight_norm(nn.Conv1d(channels, 2 * channels, 2 * stride, stride, stride // 2)))
            channels *= 2
        self.encoder = nn.Sequential(*steps, nn.LeakyReLU(0.1), conv(channels, code, 3))
        self.decoder = Transposed(code, channels, tuple(reversed(strides)))

    def forward(self, pcm: Tensor) -> Tensor:
        code = torch.tanh(self.encoder(pcm[:, None])) * self.half
        out: Tensor = self.decoder(code + (code.round() - code).detach())
        return F.pad(out, (0, max(pcm.shape[1] - out.shape[1], 0)))[:, : pcm.shape[1]]


class FromBands(nn.Module):
    """A vocoder: the bands of sound, and sound of the bands. `smear` blurs the bands as acoustic models do."""

    def __init__(self, bands: MelBands, decoder: nn.Module) -> None:
        super().__init__()
        self.bands, self.decoder = bands, decoder

    def forward(self, pcm: Tensor, smear: int = 0) -> Tensor:
        bands = self.bands(pcm)
        if smear:
            kernel = torch.hann_window(2 * smear + 3, periodic=False, device=pcm.device)[1:-1]
            kernel = (kernel / kernel.sum()).expand(bands.shape[1], 1, -1)
            bands = F.conv1d(F.pad(bands, (smear, smear), mode="replicate"), kernel, groups=bands.shape[1])
        out: Tensor = self.decoder(bands)
        return F.pad(out, (0, max(pcm.shape[1] - out.shape[1], 0)))[:, : pcm.shape[1]]


def make(name: str) -> nn.Module:
    """An untrained vocoder."""
    return {
        "transposed": lambda: FromBands(MelBands(80, 256), Transposed(80)),
        "spectral": lambda: FromBands(MelBands(100, 160), Spectral(100)),
        "repeated": lambda: FromBands(MelBands(80, 200), Repeated(80)),
        "coded": Coded,
    }[name]()


NAMES = ("transposed", "spectral", "repeated", "coded")


class Critic(nn.Module):
    """Tells genuine from made sound, looking at periods of it or at its spectra; gives its inner layers as well."""

    def __init__(self, period: int = 0, window: int = 0) -> None:
        super().__init__()
        self.period, self.window = period, window
        widths = (1, 16, 32, 64) if period else (1, 16, 24, 32)
        kernel, stride = ((5, 1), (3, 1)) if period else ((5, 5), (2, 2))
        pad = (kernel[0] // 2, kernel[1] // 2)
        self.layers = nn.ModuleList(weight_norm(nn.Conv2d(a, b, kernel, stride, pad)) for a, b in pairwise(widths))
        self.last = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1 if period else 3), padding=(1, 0 if period else 1)))
        self.register_buffer("hann", torch.hann_window(window) if window else torch.zeros(1))

    def forward(self, pcm: Tensor) -> list[Tensor]:
        if self.period:
            pcm = F.pad(pcm, (0, -pcm.shape[1] % self.period))
            x = pcm.view(len(pcm), 1, -1, self.period)
        else:
            spectra = torch.stft(pcm, self.window, self.window // 4, window=self.hann, return_complex=True)
            x = torch.log1p(30 * spectra.abs())[:, None]
        seen = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            seen.append(x)
        return [*seen, self.last(x)]


def critics() -> nn.ModuleList:
    return nn.ModuleList([Critic(period=p) for p in (3, 7)] + [Critic(window=w) for w in (320, 1024)])


def train(name: str, sounds: Sequence[Tensor], seconds: float, device: torch.device) -> nn.Module:
    """Least-squares adversarial training with feature matching and a mel loss, until `seconds` are over."""
    torch.manual_seed(SEED)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    vocoder, judges, bands = make(name).to(device), critics().to(device), MelBands(80, 160).to(device)
    fine = MelBands(60, 80, 480).to(device)
    of_vocoder = torch.optim.AdamW(vocoder.parameters(), LEARNING_RATE, BETAS)
    of_judges = torch.optim.AdamW(judges.parameters(), LEARNING_RATE, BETAS)
    whole = torch.cat([sound.to(device) for sound in sounds])
    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / seconds) < 1:
        for optimizer in (of_vocoder, of_judges):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, 2 * (1 - share)) + 1e-6
        at = torch.randint(0, len(whole) - CROP, (BATCH, 1), device=device)
        real = whole[at + torch.arange(CROP, device=device)]
        real = real / real.abs().amax(1, keepdim=True).clamp(min=1e-3) * 0.9 * torch.rand(BATCH, 1, device=device)
        made = vocoder(real)
        if share > 0.15:  # the bands first: critics of noise teach little
            loss = sum(((judge(real)[-1] - 1) ** 2).mean() + (judge(made.detach())[-1] ** 2).mean() for judge in judges)
            of_judges.zero_grad(set_to_none=True)
            loss.backward()
            of_judges.step()
        loss = MEL_WEIGHT * (F.l1_loss(bands(made), bands(real)) + F.l1_loss(fine(made), fine(real))) / 2
        mel = loss.detach()
        if share > 0.15:
            for judge in judges:
                ours, theirs = judge(made), judge(real)
                loss = loss + ((ours[-1] - 1) ** 2).mean()
                loss = loss + 2 * sum(F.l1_loss(a, b.detach()) for a, b in zip(ours[:-1], theirs[:-1], strict=True))
        of_vocoder.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(vocoder.parameters(), 10.0)
        of_vocoder.step()
        step += 1
        if step % 200 == 0:
            print(
                f"{name}: step {step}, {100 * share:.0f} % of the time, mel loss {float(mel) / MEL_WEIGHT:.3f}",
                flush=True,
            )
    return vocoder.eval()


@torch.no_grad()
def copied(vocoder: nn.Module, sounds: Sequence[FloatArray], smear: int, device: torch.device) -> list[FloatArray]:
    """Each sound (n,) after the vocoder, (n,), at the level it had."""
    size = -(-max(map(len, sounds)) // 1600) * 1600 + 1600  # a multiple of every hop
    gains = [0.6 / max(float(np.abs(pcm).max()), 1e-3) for pcm in sounds]
    batch = np.stack([np.pad(pcm * gain, (0, size - len(pcm))) for pcm, gain in zip(sounds, gains, strict=True)])
    whole = torch.from_numpy(batch.astype(np.float32)).to(device)
    out = (vocoder(whole, smear) if smear else vocoder(whole)).cpu().numpy()
    return [np.clip(row[: len(pcm)] / gain, -1, 1) for row, pcm, gain in zip(out, sounds, gains, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("train", "copy"))
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, help="where the vocoders' weights (NAME.pt) are kept")
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--seconds", type=float, default=180.0, help="training time of each")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    device = torch.device(given.device)
    genuine = [clip for clip in read_clips([given.data]) if not clip.attack]
    given.out.mkdir(parents=True, exist_ok=True)
    if given.do == "train":
        sounds = [torch.from_numpy(read_sound(clip.path)) for clip in genuine if clip.source in HEARD]
        for name in given.names:
            vocoder = train(name, sounds, given.seconds, device)
            torch.save(vocoder.state_dict(), given.out / f"{name}.pt")
        return
    write_copies(genuine, given.out, given.names, device)


def write_copies(genuine: Sequence[Clip], out: Path, names: Sequence[str], device: torch.device) -> None:
    """Each genuine clip by each vocoder, half of them from smeared bands, and the corpus's manifest."""
    rng = np.random.default_rng(SEED)
    rows = []
    sounds = [read_sound(clip.path) for clip in genuine]
    with get_context("spawn").Pool() as pool:
        for name in names:
            vocoder = make(name).to(device).eval()
            vocoder.load_state_dict(torch.load(out / f"{name}.pt", map_location=device))
            done = []
            for first in range(0, len(genuine), BATCH):
                some = sounds[first : first + BATCH]
                smear = int(rng.integers(1, 3)) if name != "coded" and rng.random() < 0.4 else 0
                for number, pcm in enumerate(copied(vocoder, some, smear, device), first):
                    clip, path = genuine[number], f"{name}/{number:04}.opus"
                    done.append(pool.apply_async(keep, (pcm, out / path, np.random.default_rng((SEED, number)))))
                    kind = "vc" if smear else "vocoder"
                    rows.append((path, "attack", kind, f"made:{name}", clip.source, clip.subject, clip.name))
            for result in done:
                result.get()
            print(f"{name}: {len(genuine)} copies", flush=True)
    with (out / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
