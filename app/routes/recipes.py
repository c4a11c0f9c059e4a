"""Recipes (pending)."""

from fastapi import APIRouter

router = APIRouter()
