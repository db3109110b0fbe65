# moto, with writes of objects one after the other. It looks whether an object is there and only then stores it, on
# several threads: of two conditional writes at once, both would now and then succeed, which no S3 allows.

import sys
import threading

from moto.s3.responses import S3Response
from moto.server import main

one_at_a_time = threading.Lock()
put_object = S3Response.put_object


def put_object_alone(self):
    with one_at_a_time:
        return put_object(self)


S3Response.put_object = put_object_alone
sys.exit(main(sys.argv[1:]))
