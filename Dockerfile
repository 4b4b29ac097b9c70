# Interlocutor in a container: the target `cpu`, which is the default, and `gpu` for a graphics card, not proved on one.
# docs/deployment.md says how to build and run it; scripts/container-replay tries out what comes of `cpu`.

FROM python:3.11-slim-bookworm AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# Our own wheel; what builds it stays in this stage.
FROM builder AS wheel
COPY requirements/build.lock requirements/
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --quiet --only-binary :all: --require-hashes -r requirements/build.lock
COPY pyproject.toml LICENSE NOTICE README.md ./
COPY common common
COPY audio audio
COPY pipelines pipelines
COPY server server
COPY bench bench
COPY static static
COPY configs configs
RUN /opt/tools/bin/hatchling build -t wheel -d dist

# Wheels alone, so that nothing is compiled, and only what the lock names (scripts/lock leaves out what nothing imports).
# espeak-ng, which the neural voices read phonemes with, comes as such a package. Packages' own tests weigh 40 MB.
FROM builder AS packages-cpu
COPY requirements/base.lock requirements/
RUN python -m venv /opt/interlocutor \
    && /opt/interlocutor/bin/pip install --quiet --only-binary :all: --no-deps --require-hashes -r requirements/base.lock
COPY --from=wheel /build/dist dist
RUN /opt/interlocutor/bin/pip install --quiet --no-index --no-deps dist/interlocutor-*.whl \
    && /opt/interlocutor/bin/pip uninstall --quiet --yes setuptools \
    && find /opt/interlocutor/lib -depth -type d \( -name tests -o -path '*/onnx/backend/test' \) -exec rm -rf {} +

FROM builder AS packages-gpu
COPY requirements/gpu.lock requirements/
RUN python -m venv /opt/interlocutor \
    && /opt/interlocutor/bin/pip install --quiet --only-binary :all: --no-deps --require-hashes -r requirements/gpu.lock
COPY --from=wheel /build/dist dist
RUN /opt/interlocutor/bin/pip install --quiet --no-index --no-deps dist/interlocutor-*.whl \
    && /opt/interlocutor/bin/pip uninstall --quiet --yes setuptools \
    && find /opt/interlocutor/lib -depth -type d \( -name tests -o -path '*/onnx/backend/test' \) -exec rm -rf {} +

# Models that the image carries: --build-arg MODELS="tiny.en". None by default.
FROM packages-cpu AS models
ARG MODELS=""
RUN mkdir /models \
    && for model in $MODELS; do MODEL_PATH=/models /opt/interlocutor/bin/interlocutor models pull "$model" || exit 1; done

# Backups of PostgreSQL need two programs of this package, and nothing else of what it brings.
FROM python:3.11-slim-bookworm AS database-programs
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client-15

# Debian's security updates are worth more here than the same bytes again, so these have no versions.
FROM python:3.11-slim-bookworm AS runtime
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends flite libpq5 \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
    && groupadd --gid 10001 interlocutor \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin interlocutor \
    && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=database-programs /usr/lib/postgresql/15/bin/pg_dump /usr/lib/postgresql/15/bin/pg_restore /usr/lib/postgresql/15/bin/
ENV PATH=/opt/interlocutor/bin:$PATH PYTHONDONTWRITEBYTECODE=1
ENV APP_ENV=production DATA_PATH=/data MODEL_PATH=/models
ENV INTERLOCUTOR__SERVER__HOST=0.0.0.0 INTERLOCUTOR__SERVER__PORT=8000
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["interlocutor"]
CMD ["serve"]

FROM runtime AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=packages-gpu /opt/interlocutor /opt/interlocutor
COPY --from=models --chown=10001:10001 /models /models
VOLUME ["/data", "/models"]
USER 10001:10001

# The last, so that a build without a target makes this one.
FROM runtime AS cpu
COPY --from=packages-cpu /opt/interlocutor /opt/interlocutor
COPY --from=models --chown=10001:10001 /models /models
VOLUME ["/data", "/models"]
USER 10001:10001
