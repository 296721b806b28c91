# Two images: `web` (web server, light worker, clock; no torch) and `gpu` (sampling and training).
#   docker build --target web --tag concord-web .
#   docker build --target gpu --tag concord-gpu .

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/venv/bin:$PATH
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin concord \
    && install --directory --owner concord --group concord /var/lib/concord
WORKDIR /app

# The packages change less often than the code, so that they are a layer of their own.
FROM base AS web-packages
COPY requirements/base.txt requirements/base.txt
RUN python -m venv /venv && pip install -r requirements/base.txt

FROM web-packages AS gpu-packages
COPY requirements/gpu.txt requirements/gpu.txt
RUN pip install -r requirements/gpu.txt

FROM base AS code
COPY manage.py ./
COPY config config
COPY lm lm
COPY labeling labeling
COPY sampler sampler
COPY rm_trainer rm_trainer
COPY policy_trainer policy_trainer
COPY templates templates
COPY static static
COPY locale locale

FROM code AS web
COPY --from=web-packages /venv /venv
ENV VAR_DIR=/var/lib/concord STATIC_DIR=/app/collected
# Hashed and compressed at build: every container of this image serves the same files.
# Nothing connects to what these settings name; laptop/, which could start servers instead, is no part of an image.
RUN DATABASE_URL=postgresql:///build REDIS_URL=redis://build SECRET_KEY=build ALLOWED_HOSTS=build \
    python manage.py collectstatic --no-input --verbosity 0
USER concord
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "-c", "python:config.gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm"]

FROM code AS gpu
COPY --from=gpu-packages /venv /venv
ENV VAR_DIR=/var/lib/concord HF_HOME=/var/lib/concord/huggingface
USER concord
CMD ["celery", "-A", "config.celery", "worker", "--pool", "prefork", "--concurrency", "1", "-Q", "sampling"]
