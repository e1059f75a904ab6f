import json, os, selectors, socket, struct, sys, time, multiprocessing as mp
import pytest, psutil
from tests.live_house import *
from tests.reel_kit import *
from tests.test_sockets import say, text
from tests.house import wait_for
from main import sockets as main_sockets
from main.live_line import Line
from main.models import SiteSettings
from camera.live import hub as hub_module
pytestmark = pytest.mark.django_db(transaction=True)
N=int(os.environ.get("N","100"))
def clients(port, cookie, wish, q, stop):
    sel=selectors.DefaultSelector()
    key=b"dGhlIHNhbXBsZSBub25jZQ=="
    socks=[]
    for _ in range(N):
        s=socket.create_connection(("127.0.0.1",port))
        s.sendall(f"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key.decode()}\r\nCookie: {cookie}\r\n\r\n".encode())
        buf=b""
        while b"\r\n\r\n" not in buf: buf+=s.recv(4096)
        body=json.dumps({"watch":[wish]}).encode(); mask=b"\0\0\0\0"
        assert len(body)<126
        s.sendall(bytes((0x81,0x80|len(body)))+mask+body)
        sel.register(s,1); socks.append(s)
    got=0; b=bytearray(1<<20)
    q.put("ready")
    while not stop.is_set():
        for k,_ in sel.select(0.1):
            n=k.fileobj.recv_into(b)
            got+=n
        q_got.value=got
def voice_proc(mode, camera, cmd):
    import django
    with Voice() as v:
        v.online(camera, film=CODECS if mode=="mp4" else "", codec="h264" if mode=="mp4" else "mjpeg", width=1280,height=720,fps=15.0)
        reel=Reel(size=8000); n=0; due=time.monotonic()
        while not cmd.is_set():
            if paused.value: time.sleep(.05); due=time.monotonic(); continue
            if mode=="mp4":
                publish(v,camera, reel.delta() if n%60 else reel.key(with_init=True)); due+=1/30
            else:
                v.frame(camera, bytes(55000)); due+=1/15
            n+=1; sent.value=n
            time.sleep(max(0,due-time.monotonic()))
paused=mp.Value('q',0); q_got=mp.Value("q",0); sent=mp.Value("q",0)
@pytest.mark.parametrize("mode",["jpeg","mp4"])
def test_cpu(mode, yard, alice, transactional_db):
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    ctx=mp.get_context("fork"); over=ctx.Event()
    vp=ctx.Process(target=voice_proc,args=(mode,yard.pk,over),daemon=True); vp.start()
    orig=main_sockets.line_of; me=psutil.Process()
    size={"jpeg":55000,"mp4":8000}[mode]
    res={"wire":[],"channels":[]}
    with Web() as web:
        wait_for(lambda: hub_module.current_hub().state(yard.pk).state=="online",5)
        cookie=cookie_of(alice)
        for rnd in range(3):
            for way in ("wire","channels"):
                main_sockets.line_of = orig if way=="wire" else (lambda scope: Line(None))
                q=ctx.Queue(); stop=ctx.Event()
                cp=ctx.Process(target=clients,args=(web.port,cookie,{"camera":"yard","as":mode},q,stop),daemon=True); cp.start()
                q.get(timeout=60); time.sleep(1.5)
                c0=sum(me.cpu_times()[:2]); g0=q_got.value; t0=time.time()
                time.sleep(3)
                c1=sum(me.cpu_times()[:2]); g1=q_got.value; el=time.time()-t0
                frames=(g1-g0)/(size+14)
                res[way].append((c1-c0)/frames*1e6)
                print(mode,way,"us/frame",round(res[way][-1],1),"fps/viewer",round(frames/el/N,1),flush=True)
                paused.value=1; time.sleep(3); c0=sum(me.cpu_times()[:2]); time.sleep(.1); 0 and print("   idle us/s/viewer", round((sum(me.cpu_times()[:2])-c0)/4/N*1e6), flush=True); paused.value=0
                stop.set(); cp.join(5); time.sleep(.5)
    over.set(); vp.join(5)
    import statistics as st
    print(mode,"ratio wire/channels",round(st.median(res["wire"])/st.median(res["channels"]),2))
