# residyn in a container.
#
#   docker build -t residyn --build-arg TORCH_INDEX=URL .
#   docker run --rm -v "$PWD:/data" residyn run --preset quick --out runs/first
#
# TORCH_INDEX is the index that pytorch.org names for torch's build for the CPU, or for a version of CUDA (then run
# with --gpus all). Without it torch is the usual one, which on Linux brings CUDA along.
FROM python:3.12-slim

ARG TORCH_INDEX=

RUN useradd --create-home residyn && mkdir /data && chown residyn /data
COPY pyproject.toml constraints.txt README.md LICENSE /source/
COPY src /source/src
RUN pip install --no-cache-dir --constraint /source/constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
 && pip install --no-cache-dir --constraint /source/constraints.txt /source

USER residyn
WORKDIR /data
ENTRYPOINT ["residyn"]
CMD ["--help"]
