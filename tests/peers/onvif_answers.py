"""What the ONVIF camera of the tests answers: SOAP as real cameras write it, filled in with what it is just now."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from tests.peers.onvif_camera import OnvifCamera

SOAP = "http://www.w3.org/2003/05/soap-envelope"
SCHEMA = "http://www.onvif.org/ver10/schema"
SERVICES = {
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
}
_NAMES = {
    "s": SOAP,
    "tt": SCHEMA,
    "wsa5": "http://www.w3.org/2005/08/addressing",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "tns1": "http://www.onvif.org/ver10/topics",
    "ter": "http://www.onvif.org/ver10/error",
    **SERVICES,
}
_HEAD = " ".join(f'xmlns:{prefix}="{url}"' for prefix, url in _NAMES.items())
_SPACE = "http://www.onvif.org/ver10/tptz"


def envelope(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope {_HEAD}><s:Body>{body}</s:Body></s:Envelope>'.encode()


def fault(code: str, subcode: str, words: str, under: str = "") -> bytes:
    """A fault with its subcode (`ter:` is put in front) and one below that."""
    inner = f"<s:Subcode><s:Value>ter:{under}</s:Value></s:Subcode>" if under else ""
    return envelope(
        f"<s:Fault><s:Code><s:Value>s:{code}</s:Value><s:Subcode><s:Value>ter:{subcode}</s:Value>{inner}</s:Subcode>"
        f'</s:Code><s:Reason><s:Text xml:lang="en">{escape(words)}</s:Text></s:Reason></s:Fault>'
    )


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(camera: "OnvifCamera") -> str:
    now = datetime.fromtimestamp(camera.now(), UTC)
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
        "<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        f"</tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        "</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def information(camera: "OnvifCamera") -> str:
    return (
        "<tds:GetDeviceInformationResponse><tds:Manufacturer>Muster</tds:Manufacturer>"
        f"<tds:Model>{escape(camera.model)}</tds:Model><tds:FirmwareVersion>2.4.1</tds:FirmwareVersion>"
        "<tds:SerialNumber>00000001</tds:SerialNumber><tds:HardwareId>M1</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


def services(camera: "OnvifCamera") -> str:
    listed = "".join(
        f"<tds:Service><tds:Namespace>{SERVICES[prefix]}</tds:Namespace><tds:XAddr>{camera.says}/onvif/{prefix}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>41</tt:Minor></tds:Version></tds:Service>"
        for prefix in camera.services()
    )
    return f"<tds:GetServicesResponse>{listed}</tds:GetServicesResponse>"


def capabilities(camera: "OnvifCamera") -> str:
    known = {"tds": "Device", "tev": "Events", "timg": "Imaging", "trt": "Media", "tptz": "PTZ"}
    more = {
        "tev": "<tt:WSSubscriptionPolicySupport>true</tt:WSSubscriptionPolicySupport><tt:WSPullPointSupport>true"
        "</tt:WSPullPointSupport><tt:WSPausableSubscriptionManagerInterfaceSupport>false"
        "</tt:WSPausableSubscriptionManagerInterfaceSupport>",
        "trt": "<tt:StreamingCapabilities><tt:RTP_TCP>true</tt:RTP_TCP></tt:StreamingCapabilities>",
    }
    listed = "".join(
        f"<tt:{name}><tt:XAddr>{camera.says}/onvif/{prefix}</tt:XAddr>{more.get(prefix, '')}</tt:{name}>"
        for prefix, name in known.items()
        if prefix in camera.services()
    )
    return f"<tds:GetCapabilitiesResponse><tds:Capabilities>{listed}</tds:Capabilities></tds:GetCapabilitiesResponse>"


def profiles(camera: "OnvifCamera") -> str:
    sizes = [("small", 640, 360), ("main", 1920, 1080)]
    return (
        "<trt:GetProfilesResponse>"
        + "".join(_profile(camera, *one) for one in sizes if camera.uris.get(one[0]))
        + "</trt:GetProfilesResponse>"
    )


def _profile(camera: "OnvifCamera", name: str, width: int, height: int) -> str:
    motor = (
        '<tt:PTZConfiguration token="ptz0"><tt:Name>ptz0</tt:Name><tt:UseCount>2</tt:UseCount>'
        "<tt:NodeToken>node0</tt:NodeToken><tt:DefaultPTZTimeout>PT10S</tt:DefaultPTZTimeout></tt:PTZConfiguration>"
    )
    return (
        f'<trt:Profiles fixed="true" token="{name}"><tt:Name>{name} stream</tt:Name>'
        '<tt:VideoSourceConfiguration token="vscfg0"><tt:Name>vscfg0</tt:Name><tt:UseCount>2</tt:UseCount>'
        '<tt:SourceToken>vidsrc0</tt:SourceToken><tt:Bounds height="1080" width="1920" y="0" x="0"/>'
        f'</tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration token="{name}"><tt:Name>{name}</tt:Name>'
        "<tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding><tt:Resolution>"
        f"<tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution><tt:Quality>8</tt:Quality>"
        "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
        "<tt:Port>0</tt:Port><tt:TTL>0</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
        f"<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration>{motor if camera.ptz else ''}"
        "</trt:Profiles>"
    )


def uri(operation: str, address: str) -> str:
    return (
        f"<trt:{operation}Response><trt:MediaUri><tt:Uri>{escape(address)}</tt:Uri><tt:InvalidAfterConnect>false"
        "</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout>"
        f"</trt:MediaUri></trt:{operation}Response>"
    )


def node(camera: "OnvifCamera") -> str:
    kinds = {
        "continuous": ("ContinuousPanTiltVelocity", "ContinuousZoomVelocity", "Velocity", "-1"),
        "relative": ("RelativePanTiltTranslation", "RelativeZoomTranslation", "Translation", "-1"),
        "absolute": ("AbsolutePanTiltPosition", "AbsoluteZoomPosition", "Position", "-1"),
    }
    turns, zooms, word, low = kinds[camera.ptz]
    reach = f"<tt:Min>{low}</tt:Min><tt:Max>1</tt:Max>"
    spaces = (
        f"<tt:{turns}Space><tt:URI>{_SPACE}/PanTiltSpaces/{word}GenericSpace</tt:URI><tt:XRange>{reach}</tt:XRange>"
        f"<tt:YRange>{reach}</tt:YRange></tt:{turns}Space>"
    )
    if camera.zoom:
        spaces += (
            f"<tt:{zooms}Space><tt:URI>{_SPACE}/ZoomSpaces/{word}GenericSpace</tt:URI><tt:XRange>{reach}</tt:XRange>"
            f"</tt:{zooms}Space>"
        )
    return (
        '<tptz:GetNodeResponse><tptz:PTZNode token="node0" FixedHomePosition="false"><tt:Name>node0</tt:Name>'
        f"<tt:SupportedPTZSpaces>{spaces}</tt:SupportedPTZSpaces>"
        f"<tt:MaximumNumberOfPresets>{camera.motor.most_presets}</tt:MaximumNumberOfPresets>"
        f"<tt:HomeSupported>{str(camera.home).lower()}</tt:HomeSupported></tptz:PTZNode></tptz:GetNodeResponse>"
    )


def options(camera: "OnvifCamera") -> str:
    low, high = camera.timeouts
    return (
        "<tptz:GetConfigurationOptionsResponse><tptz:PTZConfigurationOptions><tt:Spaces/>"
        f"<tt:PTZTimeout><tt:Min>PT{low}S</tt:Min><tt:Max>PT{high}S</tt:Max></tt:PTZTimeout>"
        "</tptz:PTZConfigurationOptions></tptz:GetConfigurationOptionsResponse>"
    )


def status(camera: "OnvifCamera") -> str:
    pan, tilt, zoom = camera.motor.position
    return (
        f'<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position><tt:PanTilt x="{pan}" y="{tilt}"/><tt:Zoom x="{zoom}"/>'
        f"</tt:Position><tt:UtcTime>{stamp(camera.now())}</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>"
    )


def presets(camera: "OnvifCamera") -> str:
    listed = "".join(
        f'<tptz:Preset token="{escape(token)}"><tt:Name>{escape(name)}</tt:Name></tptz:Preset>'
        for token, name in camera.motor.presets.items()
    )
    return f"<tptz:GetPresetsResponse>{listed}</tptz:GetPresetsResponse>"


def imaging_options(camera: "OnvifCamera") -> str:
    modes = "".join(f"<tt:IrCutFilterModes>{mode}</tt:IrCutFilterModes>" for mode in camera.ir_cut_modes)
    bright = "<tt:Brightness><tt:Min>0</tt:Min><tt:Max>255</tt:Max></tt:Brightness>"
    inner = f"<timg:ImagingOptions>{bright}{modes}</timg:ImagingOptions>"
    return f"<timg:GetOptionsResponse>{inner}</timg:GetOptionsResponse>"


def imaging(camera: "OnvifCamera") -> str:
    mode = f"<tt:IrCutFilter>{camera.ir_cut}</tt:IrCutFilter>" if camera.ir_cut_modes else ""
    inner = f"<timg:ImagingSettings><tt:Brightness>128</tt:Brightness>{mode}</timg:ImagingSettings>"
    return f"<timg:GetImagingSettingsResponse>{inner}</timg:GetImagingSettingsResponse>"


def subscription(camera: "OnvifCamera", number: int, until: float) -> str:
    return (
        "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
        f"<wsa5:Address>{camera.says}/onvif/subscription/{number}</wsa5:Address></tev:SubscriptionReference>"
        f"<wsnt:CurrentTime>{stamp(camera.now())}</wsnt:CurrentTime>"
        f"<wsnt:TerminationTime>{stamp(until)}</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>"
    )


def messages(camera: "OnvifCamera", said: list[str], until: float) -> str:
    return (
        f"<tev:PullMessagesResponse><tev:CurrentTime>{stamp(camera.now())}</tev:CurrentTime>"
        f"<tev:TerminationTime>{stamp(until)}</tev:TerminationTime>{''.join(said)}</tev:PullMessagesResponse>"
    )


def topics(camera: "OnvifCamera") -> str:
    """The topic set, as far as anybody reads it."""
    tree = ""
    for topic in camera.topics:
        parts = topic.split("/")
        tree += "".join(f"<{part}>" for part in parts) + "".join(f"</{part}>" for part in reversed(parts))
    return (
        "<tev:GetEventPropertiesResponse><tev:TopicNamespaceLocation>http://www.onvif.org/onvif/ver10/topics/topicns.xml"
        "</tev:TopicNamespaceLocation><wsnt:FixedTopicSet>true</wsnt:FixedTopicSet>"
        f'<wstop:TopicSet xmlns:wstop="http://docs.oasis-open.org/wsn/t-1">{tree}</wstop:TopicSet>'
        "<wsnt:TopicExpressionDialect>http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
        "</wsnt:TopicExpressionDialect></tev:GetEventPropertiesResponse>"
    )


def message(topic: str, word: str, value: str, at: str, rule: str, operation: str = "Changed") -> str:
    how = f' PropertyOperation="{operation}"' if operation else ""
    return (
        '<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
        f'tns1:{topic}</wsnt:Topic><wsnt:Message><tt:Message UtcTime="{at}"{how}><tt:Source>'
        '<tt:SimpleItem Name="VideoSourceConfigurationToken" Value="vscfg0"/>'
        f'<tt:SimpleItem Name="Rule" Value="{rule}"/></tt:Source><tt:Data>'
        f'<tt:SimpleItem Name="{word}" Value="{value}"/></tt:Data></tt:Message>'
        "</wsnt:Message></wsnt:NotificationMessage>"
    )


def renewed(camera: "OnvifCamera", until: float) -> str:
    return (
        f"<wsnt:RenewResponse><wsnt:TerminationTime>{stamp(until)}</wsnt:TerminationTime>"
        f"<wsnt:CurrentTime>{stamp(camera.now())}</wsnt:CurrentTime></wsnt:RenewResponse>"
    )
