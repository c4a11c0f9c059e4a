"""Jobs in the background: how far they are, and cancelling them."""

from typing import Any

from fastapi import APIRouter

from app.jobs import Job
from app.library import Library
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep

router = APIRouter()


def job_of(library: Library, job_id: str) -> Job:
    """A job by id.

    Raises:
        ApiError: 404.
    """
    job = library.jobs.get(job_id)
    if job is None:
        raise ApiError(404, "There is no such job; the server may have been started again since.")
    return job


@router.get("/jobs")
def all_jobs(library: LibraryDep) -> dict[str, Any]:
    """Every job that the server remembers."""
    return {"jobs": [job.to_json() for job in library.jobs.all()]}


@router.get("/jobs/{job_id}")
@router.get("/exports/{job_id}")
def progress(job_id: str, library: LibraryDep) -> dict[str, Any]:
    """How far a job is."""
    return job_of(library, job_id).to_json()


@router.delete("/jobs/{job_id}")
@router.delete("/exports/{job_id}")
def cancel(job_id: str, library: LibraryDep) -> dict[str, bool]:
    """Ask a job to stop; what it has done stays."""
    job_of(library, job_id).cancelled.set()
    return {"ok": True}
