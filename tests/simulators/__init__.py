"""Simulators of real reporting APIs, one file each, written from what the APIs document."""
