"""Starlette, with a route for each template: `python routes.py PORT TEMPLATE...`, the most specific template first.
It answers with the route that its router chose."""

import re
import sys
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

port, *templates = sys.argv[1:]


def answering(route):
    async def answer(request):
        return JSONResponse({
            "target": request.scope["raw_path"].decode("ascii", "backslashreplace"),
            "route": route,
            "parameters": request.path_params,
            "assertion": request.headers.get("x-auth-principal"),
        })

    return answer


def path_of(template):
    # Starlette decodes a path before it routes
    return re.sub(r"\{\*(\w+)\}", r"{\1:path}", unquote(template))


routes = [Route(path_of(template), answering(template)) for template in templates]


async def not_found(request, _):
    return await answering("")(request)


app = Starlette(routes=routes, exception_handlers={404: not_found})
app.router.redirect_slashes = False
uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
