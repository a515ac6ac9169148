"""Sending a student folder to the hub, up to the requests: a server on this machine stands in for the hub."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.deployment.hub import push_to_hub
from kdtoolbox.deployment.student_folder import FILES


class Hub(BaseHTTPRequestHandler):
    """Takes every file within the commit, none by LFS, and keeps all requests."""

    timeout = 10  # seconds: a connection on which nothing comes holds nobody up

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length'] or 0))
        self.server.requests.append((self.path, self.headers.get('authorization'), body))
        if self.path == '/api/repos/create':
            answer = {'url': f'{self.server.address}/somebody/student', 'name': 'somebody/student', 'id': '1'}
        elif '/preupload/' in self.path:
            files = [one['path'] for one in json.loads(body)['files']]
            answer = {'files': [{'path': one, 'uploadMode': 'regular', 'shouldIgnore': False} for one in files]}
        else:
            answer = {'commitUrl': f'{self.server.address}/somebody/student/commit/1', 'commitOid': '1'}
        self._send(self.server.status, answer)

    def do_GET(self):
        self._send(200, {'id': 'somebody/student', 'sha': '0', 'siblings': [], 'oid': '0'})

    def _send(self, status: int, answer: dict) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args) -> None:
        """Quiet."""


@pytest.fixture
def hub(monkeypatch):
    constants = pytest.importorskip('huggingface_hub').constants
    server = ThreadingHTTPServer(('127.0.0.1', 0), Hub)
    server.requests, server.status = [], 200
    server.address = f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, 'ENDPOINT', server.address)
    monkeypatch.setenv('HF_TOKEN', 'hf_of_the_test')
    yield server
    server.shutdown()
    server.server_close()


def test_the_files_of_the_folder_and_no_others_arrive_in_one_commit(student_folder, hub, tmp_path):
    (student_folder / 'notes.txt').write_text('mine')
    try:
        address = push_to_hub(student_folder, 'somebody/student', private=True)
    finally:
        (student_folder / 'notes.txt').unlink()
    assert address == f'{hub.address}/somebody/student/commit/1'
    paths = [path for path, _, _ in hub.requests]
    assert paths[0] == '/api/repos/create' and paths[-1] == '/api/models/somebody/student/commit/main'
    assert {authorization for _, authorization, _ in hub.requests} == {'Bearer hf_of_the_test'}
    created = json.loads(hub.requests[0][2])
    assert created['organization'] == 'somebody' and created['name'] == 'student'
    assert created.get('private') is True or created.get('visibility') == 'private'
    lines = [json.loads(line) for line in hub.requests[-1][2].splitlines()]
    sent = {line['value']['path']: line['value']['content'] for line in lines if line['key'] == 'file'}
    assert set(sent) == set(FILES)
    assert base64.b64decode(sent['README.md']) == (student_folder / 'README.md').read_bytes()


def test_a_refusal_of_the_hub_is_one_line_that_says_what_to_do(student_folder, hub, tmp_path, capsys):
    hub.status = 403
    command = ['export', student_folder, '--out', tmp_path / 'out', '--push-to-hub', 'somebody/student']
    assert main([*map(str, command)]) == 2
    said = capsys.readouterr()
    assert f'wrote {tmp_path}/out' in said.out
    assert 'somebody/student on the hub: ' in said.err and 'hf auth login' in said.err
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    'options, message',
    [
        (['--push-to-hub', 'student'], 'expected OWNER/NAME'),
        (['--push-to-hub', 'a/b', '--to', 'onnx'], 'sends a student folder'),
        (['--private'], 'is of the repository'),
    ],
)
def test_options_that_make_no_sense_are_said_before_anything_is_sent(options, message, tmp_path, capsys):
    assert main(['export', 'student', '--out', str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_a_student_is_not_sent(tmp_path):
    with pytest.raises(ValueError, match='is no student folder: nothing is sent'):
        push_to_hub(tmp_path, 'somebody/student')
