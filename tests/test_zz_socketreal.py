import json, shutil, struct, time
import pytest
from websockets.sync.client import connect
from tests.conftest import shared_file
from tests.house import RealHouse, wait_for
import urllib.request
@pytest.mark.processes
def test_real(tmp_path):
    h=RealHouse(tmp_path/"house", {"ADDUSER_PASSWORD":"correct horse battery"})
    h.furnish(); (h.folder/"files").mkdir(exist_ok=True)
    shutil.copy(shared_file("data/motion/dvrscan_traffic_camera.mp4"), h.folder/"files"/"a.mp4")
    h.manage("adduser","alice","--role","owner"); h.manage("addcamera","Yard","file:a.mp4","--slug","yard")
    tok=h.manage("shell","-v","0","-c","from accounts.models import *; print(ApiToken.objects.issue(User.objects.get(username='alice'),'t')[1])").splitlines()[-1]
    h.start()
    try:
        def up():
            try: return json.load(urllib.request.urlopen(h.url+"/healthz"))["status"]=="ok"
            except Exception: return False
        wait_for(up, 60, "house")
        time.sleep(6)
        def opening(wish, n=3, hold=None):
            t0=time.time(); ws=connect(f"ws://127.0.0.1:{h.port}/ws/live/", additional_headers={"Authorization":f"Bearer {tok}"}, max_size=None, compression=None, legacy=True, max_queue=None, close_timeout=1)
            ws.send(json.dumps({"watch":[{"camera":"yard"}|wish]})); first=None; info=None; got=[]
            while len(got)<n and time.time()-t0<8:
                try: m=ws.recv(timeout=5)
                except TimeoutError: break
                if isinstance(m,bytes):
                    c,k,at=struct.unpack(">BBd",m[:10]); got.append((k,len(m)-10,round(time.time()-at,3)))
                    first=first or time.time()-t0
                else:
                    d=json.loads(m); 
                    if "cameras" in d: info=d["cameras"]
            return ws, first, info, got
        w0,f,i,g=opening({"as":"mp4"},60); print("first viewer",f,i,g[:4],g[-4:],flush=True)
        times=[]
        for _ in range(10):
            w,f,i,g=opening({"as":"mp4"},2); times.append(f); w.close()
        print("openings",[round(t,3) for t in times],flush=True)
        for wish in ({"as":"jpeg"},{"as":"jpeg","size":"small"},{"as":"jpeg","size":"small","rate":15}):
            w,f,i,g=opening(wish,8); print(wish,f,i,g,flush=True); w.close()
        w0.close()
    finally:
        print((h.folder/"log.txt").read_text()[-800:])
        h.stop()
